//! Operation ids: what is committed once, what never will be.

use digota_core::port::store::{Kind, Refusal, Resolution};

use super::Bed;
use super::drive::{find, put, refused, together, winners};
use super::samples::{batch, check, event, id, insert, product};

/// A batch that was refused for another reason has not used its id: it may be tried again.
pub(super) async fn an_operation_commits_once(bed: Bed) {
    let store = bed.open().await;
    let (first, second) = (product(true), product(true));
    let done = batch([insert(&first), digota_core::port::store::Write::Append(event(&first))]);
    store.commit(done.clone()).await.expect("nothing speaks against it");
    assert_eq!(refused(store.commit(done.clone()).await), Refusal::OperationUsed, "the same again");
    let mut other = batch([insert(&second)]);
    other.operation = done.operation;
    assert_eq!(
        refused(store.commit(other.clone()).await),
        Refusal::OperationUsed,
        "something else by that name"
    );
    assert_eq!(find(&store, Kind::Product, second.id).await, None);
    assert_eq!(store.events(0, 10).await.map(|events| events.len()), Ok(1));

    let missing = batch([check(Kind::Product, second.id, None)]);
    for _ in 0..2 {
        let lost = Refusal::Missing { kind: Kind::Product, id: second.id };
        assert_eq!(refused(store.commit(missing.clone()).await), lost);
    }
    put(&store, [insert(&second)]).await;
    store.commit(missing).await.expect("its id was not used up");

    for _ in 0..5 {
        let operation = id();
        let rivals = (0..16).map(|_| {
            let mut rival = batch([insert(&product(true))]);
            rival.operation = operation;
            rival
        });
        assert_eq!(winners(&together(&store, rivals).await, |refusal| *refusal == Refusal::OperationUsed), 1);
    }
}

pub(super) async fn a_tombstone_stops_a_late_commit(bed: Bed) {
    let store = bed.open().await;
    let late = product(true);
    let batch_late = batch([insert(&late)]);
    for _ in 0..2 {
        assert_eq!(store.resolve(batch_late.operation).await, Ok(Resolution::Never));
        assert_eq!(refused(store.commit(batch_late.clone()).await), Refusal::OperationUsed);
        assert_eq!(find(&store, Kind::Product, late.id).await, None);
    }

    for _ in 0..20 {
        let record = product(true);
        let racing = batch([insert(&record)]);
        let operation = racing.operation;
        let resolver = {
            let store = store.clone();
            tokio::spawn(async move { store.resolve(operation).await.expect("it can be resolved") })
        };
        let outcome = store.commit(racing).await;
        let resolution = resolver.await.expect("resolving must not panic");
        let there = find(&store, Kind::Product, record.id).await.is_some();
        assert_eq!(there, resolution == Resolution::Committed, "what was resolved holds");
        assert_eq!(there, outcome.is_ok());
        assert!(there || refused(outcome) == Refusal::OperationUsed);
    }
}

pub(super) async fn resolving_a_commit_says_so(bed: Bed) {
    let store = bed.open().await;
    let done = batch([insert(&product(true))]);
    store.commit(done.clone()).await.expect("nothing speaks against it");
    for _ in 0..2 {
        assert_eq!(store.resolve(done.operation).await, Ok(Resolution::Committed));
        assert_eq!(refused(store.commit(done.clone()).await), Refusal::OperationUsed);
    }
    let empty = batch([]);
    store.commit(empty.clone()).await.expect("nothing speaks against nothing");
    assert_eq!(store.resolve(empty.operation).await, Ok(Resolution::Committed));

    let refused_one = batch([check(Kind::Product, id(), None)]);
    refused(store.commit(refused_one.clone()).await);
    assert_eq!(store.resolve(refused_one.operation).await, Ok(Resolution::Never));
}
