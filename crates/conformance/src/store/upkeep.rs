//! What a store does for the janitor, and over a restart.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{
    Batch, Change, Concern, Horizon, KeyEntry, Keys, Kind, Record, Refusal, Resolution, Write,
};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::Bed;
use super::drive::{all, exactly, find, ids, page, pieces, put, put_all, refused, stocked, total};
use super::samples::{
    answer, at, attempt, batch, changed, claim, entry, event, id, insert, product, replace, scope, shift,
};

pub(super) async fn due_attempts_come_first(bed: Bed) {
    let store = bed.open().await;
    let dues = [50, 10, 30, 10, 20, 10, 99, 51];
    let attempts: Vec<Record> = dues.iter().map(|due| attempt(id(), Some(at(*due)))).collect();
    put_all(&store, &attempts).await;
    put(&store, [insert(&attempt(id(), None))]).await;
    assert_eq!(due(&store, at(9), 100).await, [], "nothing yet");

    let mut expected: Vec<Record> =
        attempts.iter().filter(|one| moment(one) <= Some(at(50))).cloned().collect();
    expected.sort_by_key(|one| (moment(one), one.id));
    assert_eq!(due(&store, at(50), 100).await, expected);
    assert_eq!(due(&store, at(50), 4).await, expected[..4]);

    let (closed, later) = (&expected[0], &expected[1]);
    let subject = |one: &Record| match one.keys {
        Keys::Attempt { subject, .. } => subject,
        _ => unreachable!("only attempts are due"),
    };
    let end = changed(closed, unconcerned(subject(closed), None));
    let wait = changed(later, unconcerned(subject(later), Some(at(40))));
    put(&store, [replace(closed, &end), replace(later, &wait)]).await;
    let order: Vec<_> = [&expected[2..5], &[wait], &expected[5..]].concat();
    assert_eq!(ids(&due(&store, at(50), 100).await), ids(&order));
}

fn unconcerned(subject: Uuid, due: Option<Timestamp>) -> Keys {
    Keys::Attempt { subject, due, concern: Concern::None }
}

async fn due(store: &Arc<dyn Store>, now: Timestamp, limit: u32) -> Vec<Record> {
    store.due(now, limit).await.expect("attempts can be read")
}

fn moment(attempt: &Record) -> Option<Timestamp> {
    match attempt.keys {
        Keys::Attempt { due, .. } => due,
        _ => None,
    }
}

const OLD: Timestamp = Timestamp(1_000_000);
const NEW: Timestamp = Timestamp(9_000_000);
const BETWEEN: Timestamp = Timestamp(5_000_000);

pub(super) async fn purging_keeps_what_is_needed(bed: Bed) {
    let store = bed.open().await;
    let (open, closed) = (attempt(id(), Some(at(0))), attempt(id(), None));
    let [plain, answered, waiting, settled, fresh] = [(); 5].map(|()| scope());
    let thing = product(true);
    let note = |moment| Write::Append(digota_core::event::Event { at: moment, ..event(&thing) });

    let old = dated(
        OLD,
        [
            insert(&open),
            insert(&closed),
            claim(&plain, &entry(None)),
            claim(&answered, &KeyEntry { answer: Some("{}".into()), ..entry(Some(closed.id)) }),
            claim(&waiting, &entry(Some(open.id))),
            claim(&settled, &entry(Some(closed.id))),
            note(OLD),
            note(OLD),
        ],
    );
    let new = dated(NEW, [insert(&thing), claim(&fresh, &entry(None)), note(NEW)]);
    for batch in [&old, &new] {
        store.commit(batch.clone()).await.expect("nothing speaks against it");
    }

    let nothing = Horizon { operations: OLD, keys: OLD, events: Some(OLD) };
    assert_eq!(purge(&store, nothing).await, 0, "what is made at the horizon is kept");
    let horizon = Horizon { operations: BETWEEN, keys: BETWEEN, events: None };
    assert_eq!(purge(&store, horizon).await, 1 + 3, "one operation, three keys");
    assert_eq!(store.events(0, 10).await.map(|events| events.len()), Ok(3));
    for (key, kept) in
        [(&plain, false), (&answered, false), (&settled, false), (&waiting, true), (&fresh, true)]
    {
        assert_eq!(store.key(key).await.map(|entry| entry.is_some()), Ok(kept));
    }
    assert_eq!(store.resolve(new.operation).await, Ok(Resolution::Committed));

    let Keys::Attempt { subject, .. } = open.keys else { unreachable!("it is an attempt") };
    let end = changed(&open, unconcerned(subject, None));
    store.commit(dated(NEW, [replace(&open, &end)])).await.expect("nothing speaks against it");
    let all_old = Horizon { events: Some(BETWEEN), ..horizon };
    assert_eq!(purge(&store, all_old).await, 1 + 2, "the key whose attempt has ended, two events");
    assert_eq!(store.key(&waiting).await, Ok(None));
    assert_eq!(positions(&store).await, [3], "events keep their positions");

    assert_eq!(purge(&store, Horizon { events: Some(at(0)), ..horizon }).await, 1);
    put(&store, [note(at(0))]).await;
    assert_eq!(positions(&store).await, [4], "positions go on, although no event is left");
    assert_eq!(ids(&page(&store, all(Kind::Product)).await.records), [thing.id], "records stay");
    assert_eq!(store.resolve(old.operation).await, Ok(Resolution::Never), "it is forgotten");
}

fn dated<const N: usize>(at: Timestamp, writes: [Write; N]) -> Batch {
    Batch { at, ..batch(writes) }
}

/// Purges until nothing is left to purge; returns how many things went.
async fn purge(store: &Arc<dyn Store>, horizon: Horizon) -> u64 {
    let mut sum = 0;
    loop {
        match store.purge(&horizon).await.expect("a store can be purged") {
            0 => return sum,
            some => sum += some,
        }
    }
}

async fn positions(store: &Arc<dyn Store>) -> Vec<u64> {
    let events = store.events(0, 10).await.expect("events can be read");
    events.into_iter().map(|(position, _)| position).collect()
}

/// Of a store that is not durable, what is promised is only that it says so.
pub(super) async fn a_commit_survives_reopening(bed: Bed) {
    let store = bed.open().await;
    let records: Vec<Record> = (0..20).map(|n| product(n % 2 == 0)).collect();
    let (key, claimed, note, open) = (scope(), entry(None), event(&records[0]), attempt(id(), Some(at(0))));
    let sku = stocked(&store, 5).await;
    let reserve = shift(sku, Change::Reserve(2), id());
    let done = batch([
        reserve,
        Write::Append(note.clone()),
        claim(&key, &claimed),
        answer(&key, "{}"),
        insert(&open),
    ]);
    store.commit(done.clone()).await.expect("nothing speaks against it");
    let never = batch([insert(&product(true))]);
    assert_eq!(store.resolve(never.operation).await, Ok(Resolution::Never));
    let inserts = records.iter().map(|record| batch([insert(record)]));
    for outcome in super::drive::together(&store, inserts).await {
        outcome.expect("nothing speaks against it");
    }

    drop(store);
    let store = bed.open().await;
    if !bed.durable {
        assert_eq!(find(&store, Kind::Product, records[0].id).await, None, "this store is durable after all");
        return;
    }
    for record in &records {
        assert_eq!(find(&store, Kind::Product, record.id).await.as_ref(), Some(record));
    }
    assert_eq!(page(&store, all(Kind::Product)).await.records.len(), 20);
    assert_eq!(total(&store, Kind::Product, &[]).await, exactly(20));
    assert_eq!(pieces(&store, sku).await, (5, 2));
    assert_eq!(store.movements(sku, 0, 10).await.map(|ledger| ledger.len()), Ok(2));
    assert_eq!(store.events(0, 10).await, Ok(vec![(1, note)]));
    let kept = store.key(&key).await.expect("a key can be read").expect("the key is there");
    assert_eq!((kept.fingerprint, kept.answer.as_deref()), (claimed.fingerprint, Some("{}")));
    assert_eq!(due(&store, at(0), 10).await, [open]);
    assert_eq!(store.resolve(done.operation).await, Ok(Resolution::Committed));
    for used in [done, never] {
        assert_eq!(refused(store.commit(used).await), Refusal::OperationUsed);
    }
}
