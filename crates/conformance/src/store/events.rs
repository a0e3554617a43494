//! Events and their positions.

use std::collections::BTreeMap;
use std::sync::Arc;

use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{CommitError, Kind, Record, Refusal, Write};
use uuid::Uuid;

use super::Bed;
use super::drive::{find, put, refusal};
use super::samples::{batch, check, event, id, insert, order, replace, touched};

/// Judged while many writers contend, since a reader that saw a gap would never come back for what fills it.
pub(super) async fn events_are_dense_and_ordered(bed: Bed) {
    let store = bed.open().await;
    assert_eq!((store.events(0, 10).await, store.last_position().await), (Ok(vec![]), Ok(0)));
    let shared = order(1, "");
    put(&store, [insert(&shared), Write::Append(event(&shared))]).await;

    let writers: Vec<_> = (0..8).map(|_| tokio::spawn(rewrite(store.clone(), shared.id, 12))).collect();
    while writers.iter().any(|writer| !writer.is_finished()) {
        dense(&read(&store, 0, 10_000).await);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("writers get on");
    }
    let events = read(&store, 0, 10_000).await;
    assert_eq!(events.len(), 1 + 8 * 12 * 3);
    dense(&events);
    rise(&events);

    let refused = [Write::Append(event(&shared)), check(Kind::Order, id(), None)];
    refusal(&store, refused).await;
    let (one, two) = (event(&shared), event(&shared));
    put(&store, [Write::Append(one.clone()), Write::Append(two.clone())]).await;
    let length = events.len() as u64;
    let last = vec![(length + 1, one), (length + 2, two)];
    assert_eq!(
        read(&store, length, 10).await,
        last,
        "as written, in the order of the batch, no position lost"
    );
    assert_eq!(store.last_position().await, Ok(length + 2));
    assert_eq!(read(&store, 5, 3).await, events[5..8]);
}

/// Replaces a record that others replace too, and one of its own, each with its event.
async fn rewrite(store: Arc<dyn Store>, shared: Uuid, times: usize) {
    let mut mine = order(1, "");
    put(&store, [insert(&mine)]).await;
    for _ in 0..times {
        let next = touched(&mine);
        put(&store, [replace(&mine, &next), Write::Append(event(&next))]).await;
        mine = next;
        while !once_more(&store, shared).await {
            tokio::task::yield_now().await;
        }
    }
}

async fn once_more(store: &Arc<dyn Store>, shared: Uuid) -> bool {
    let old: Record = find(store, Kind::Order, shared).await.expect("it is never deleted");
    let next = touched(&old);
    let note = Event { object: id(), ..event(&next) };
    let writes = [Write::Append(note), replace(&old, &next), Write::Append(event(&next))];
    match store.commit(batch(writes)).await {
        Ok(_) => true,
        Err(CommitError::Refused(Refusal::Stale { .. })) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn read(store: &Arc<dyn Store>, after: u64, limit: u32) -> Vec<(u64, Event)> {
    store.events(after, limit).await.expect("events can be read")
}

fn dense(events: &[(u64, Event)]) {
    for (expected, (position, _)) in (1..).zip(events) {
        assert_eq!(*position, expected, "a gap or a repeat");
    }
}

fn rise(events: &[(u64, Event)]) {
    let mut versions = BTreeMap::new();
    for (position, event) in events {
        let before = versions.insert(event.object, event.version);
        assert!(before.is_none_or(|before| before < event.version), "{} at {position}", event.version);
    }
}
