//! The flaky store fails as its script says, and is sound otherwise.

use std::sync::Arc;

use digota_conformance::failing;
use digota_conformance::store::{Bed, CASES};
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Keys, Kind, Record, Refusal, Resolution, StoreError, Write,
};
use digota_core::testing::store::{Fault, Flaky, MemoryStore};
use digota_core::time::Timestamp;
use uuid::Uuid;

#[test]
fn without_a_script_it_keeps_every_promise() {
    let bed = || Bed::volatile(|| async { Arc::new(scripted([])) as Arc<dyn Store> });
    assert_eq!(failing(CASES, bed), [""; 0]);
}

#[tokio::test]
async fn only_the_commits_of_the_script_fail() {
    let store = scripted([(2, Fault::Unavailable), (4, Fault::UnknownBefore)]);
    let mut failed = vec![];
    for n in 1..=5 {
        let outcome = store.commit(batch(n)).await;
        if outcome.is_err() {
            failed.push(n);
        }
        assert_eq!(there(&store, n).await, outcome.is_ok());
    }
    assert_eq!((failed, store.commits()), (vec![2, 4], 5));
}

#[tokio::test]
async fn an_unknown_commit_can_be_resolved() {
    let store = scripted([(1, Fault::UnknownBefore), (3, Fault::UnknownAfter)]);
    for (n, resolution) in [(1, Resolution::Never), (2, Resolution::Committed)] {
        assert!(matches!(store.commit(batch(n)).await, Err(CommitError::Unknown(_))));
        assert_eq!(store.resolve(batch(n).operation).await, Ok(resolution));
        assert_eq!(there(&store, n).await, resolution == Resolution::Committed);
        assert_eq!(store.commit(batch(n)).await, Err(CommitError::Refused(Refusal::OperationUsed)));
    }
}

#[tokio::test]
async fn a_crashed_store_answers_nothing_until_it_is_revived() {
    for (fault, survives) in [(Fault::CrashBefore, false), (Fault::CrashAfter, true)] {
        let store = scripted([(1, fault)]);
        assert!(matches!(store.commit(batch(1)).await, Err(CommitError::Unknown(_))));
        assert!(store.is_down());
        assert!(matches!(store.get(Kind::Product, &[]).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.commit(batch(2)).await, Err(CommitError::Failed(StoreError::Unavailable(_)))));
        assert_eq!(there(store.inner(), 1).await, survives);

        store.revive();
        assert_eq!(there(&store, 1).await, survives);
        assert!(store.commit(batch(2)).await.is_ok());
    }
}

#[tokio::test]
async fn the_same_seed_fails_the_same_commits() {
    let faults = [Fault::Unavailable, Fault::UnknownAfter];
    let mut runs = vec![];
    for seed in [7, 7, 8] {
        let store = Flaky::seeded(MemoryStore::new(), seed, 400, 4, &faults);
        let mut outcomes = vec![];
        for n in 1..=400 {
            outcomes.push(store.commit(batch(n)).await);
        }
        let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert!((60..140).contains(&failed), "about one in four, not {failed} of 400");
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::Unknown(_)))));
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::Failed(_)))));
        runs.push(outcomes);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

fn scripted<const N: usize>(script: [(u64, Fault); N]) -> Flaky<MemoryStore> {
    Flaky::new(MemoryStore::new(), script)
}

/// Inserts product `n`; the same operation for the same number.
fn batch(n: u128) -> Batch {
    let at = Timestamp::from_seconds(1);
    let (id, keys, body) = (Uuid::from_u128(n), Keys::Product { active: true }, "{}".to_owned());
    let record = Record { id, version: 1, created: at, updated: at, keys, body };
    Batch { operation: Uuid::from_u128(1000 + n), at, writes: vec![Write::Insert(record)] }
}

async fn there(store: &impl Store, n: u128) -> bool {
    store.get(Kind::Product, &[Uuid::from_u128(n)]).await.expect("readable")[0].is_some()
}
