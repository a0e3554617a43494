//! What only a look, or a hand, inside can show.

use std::path::{Path, PathBuf};
use std::time::Duration;

use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, Change, CommitError, Condition, KeyEntry, KeyScope, Keys, Kind, Order, Query, Record, Refusal, Resolution, StoreError, Write,
};
use digota_core::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::writer::Work;
use super::{Sqlite, connect, list, path};

#[tokio::test]
async fn a_full_disk_is_named_and_does_not_stop_the_store() {
    let shop = Shop::new();
    shop.put([order(1)]).await;
    shop.sabotage(|connection| drop(connection.execute_batch("PRAGMA max_page_count = 1")));
    let failed = shop.commit((0..50).map(order)).await;
    match failed {
        Err(CommitError::Failed(StoreError::Unavailable(why))) => assert!(why.contains("disk is full"), "{why}"),
        other => panic!("expected a full disk, got {other:?}"),
    }
    assert_eq!(shop.orders().await, 1, "reads go on, and what was acknowledged is there");
    shop.sabotage(|connection| drop(connection.execute_batch("PRAGMA max_page_count = 1000000")));
    shop.put((0..50).map(order)).await;
    assert_eq!(shop.orders().await, 51);
}

#[tokio::test]
async fn a_batch_that_fails_in_the_database_takes_no_neighbour_with_it() {
    let shop = Shop::new();
    shop.sabotage(trap);
    // Held up, the writer finds the others in its queue when it goes on: one group.
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(200)));
    let batches = (0..9).map(|n| {
        let name = if n == 4 { "trap" } else { "order.created" };
        vec![order(1), Write::Append(event(name))]
    });
    let outcomes = shop.commit_together(batches).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(CommitError::Failed(StoreError::Broken(why))) if n == 4 => assert!(why.contains("trapped")),
            outcome => assert!(outcome.is_ok() && n != 4, "{n}: {outcome:?}"),
        }
    }
    assert_eq!(shop.orders().await, 8);
    let positions = shop.store.events(0, 100).await.expect("readable").into_iter().map(|(position, _)| position);
    assert_eq!(positions.collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>(), "no gap where the ninth was");
}

#[tokio::test]
async fn a_refused_batch_in_a_group_leaves_its_neighbours_stock_alone() {
    let shop = Shop::new();
    let sku = Uuid::from_u128(7);
    shop.put([Write::OpenStock { sku, on_hand: 3 }]).await;
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(200)));
    let reserve = |n| {
        let change = Change::Reserve(n);
        vec![Write::Move { sku, change, reference: Some(id()), reason: "pay".into() }]
    };
    let outcomes = shop.commit_together([reserve(2), reserve(2), reserve(1)]).await;
    let is_short = |outcome: &Result<_, _>| matches!(outcome, Err(CommitError::Refused(Refusal::OutOfStock(_))));
    assert_eq!(outcomes.iter().map(is_short).collect::<Vec<_>>(), [false, true, false]);
    let stock = shop.store.stock(&[sku]).await.expect("readable")[0].expect("it has stock");
    assert_eq!((stock.on_hand, stock.reserved, stock.version), (3, 3, 3));
}

/// What one batch of a group inserts, the next ones find, change and delete.
#[tokio::test]
async fn batches_of_a_group_see_what_the_ones_before_did() {
    let shop = Shop::new();
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(200)));
    let first = record(1, 1);
    let [second, third] = [2, 3].map(|version| Record { id: first.id, ..record(2, version) });
    let (was, now) = (first.keys.clone(), second.keys.clone());
    let check = |version| Write::Check { kind: Kind::Order, id: first.id, version: Some(version) };
    let scope = KeyScope { principal: "till".into(), method: "/x/Y".into(), key: "k".into() };
    let claim = || {
        let entry = KeyEntry { fingerprint: "f".into(), attempt: None, answer: None, stock: None };
        Write::Claim { scope: scope.clone(), entry, stock_of: None }
    };
    let outcomes = shop
        .commit_together([
            vec![Write::Insert(first.clone()), claim()],
            vec![check(1), claim()],
            vec![check(1), Write::Replace { record: second.clone(), was: was.clone() }],
            vec![Write::Replace { record: second, was }],
            vec![Write::Answer { scope: scope.clone(), answer: "done".into() }],
            vec![check(1)],
            vec![Write::Replace { record: third, was: now.clone() }],
            vec![Write::Delete { id: first.id, version: 3, was: now }],
            vec![check(3)],
            vec![Write::Insert(first.clone())],
        ])
        .await;
    let stale = |current| Err(CommitError::Refused(Refusal::Stale { kind: Kind::Order, id: first.id, current }));
    let missing = Err(CommitError::Refused(Refusal::Missing { kind: Kind::Order, id: first.id }));
    let taken = Err(CommitError::Refused(Refusal::KeyTaken));
    let expected = [Ok(()), taken, Ok(()), stale(2), Ok(()), stale(2), Ok(()), Ok(()), missing, Ok(())];
    for (n, (outcome, expected)) in outcomes.iter().zip(&expected).enumerate() {
        assert_eq!(outcome, expected, "batch {n}");
    }
    let stored = shop.store.get(Kind::Order, &[first.id]).await.expect("readable");
    assert_eq!(stored, [Some(first)]);
    let key = shop.store.key(&scope).await.expect("readable").expect("it was claimed");
    assert_eq!(key.answer.as_deref(), Some("done"));
    assert_eq!(shop.orders().await, 1);
}

/// Only the table's index says so, and not whose fault it is.
#[tokio::test]
async fn what_two_batches_of_a_group_insert_is_refused_to_the_second() {
    let shop = Shop::new();
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(200)));
    let record = record(1, 1);
    let insert = || vec![Write::Insert(record.clone())];
    let outcomes = shop.commit_together([vec![order(1)], insert(), insert(), vec![order(1)]]).await;
    let exists = Err(CommitError::Refused(Refusal::Exists { kind: Kind::Order, id: record.id }));
    assert_eq!(outcomes, [Ok(()), Ok(()), exists, Ok(())]);
    assert_eq!(shop.orders().await, 3);
}

/// The writer remembers what it wrote. Whoever changes the file by hand is asked not to while it runs, and is not made to pay
/// for it with somebody else's order.
#[tokio::test]
async fn a_row_that_was_changed_by_hand_is_judged_as_it_is() {
    let shop = Shop::new();
    let (changed, removed) = (record(1, 1), record(1, 1));
    shop.put([Write::Insert(changed.clone()), Write::Insert(removed.clone())]).await;
    let hand = Connection::open(shop.path()).expect("it can be opened");
    hand.execute("UPDATE orders SET version = 5 WHERE id = ?1", [changed.id]).expect("it can be changed");
    hand.execute("DELETE FROM orders WHERE id = ?1", [removed.id]).expect("it can be changed");
    let replace = |old: &Record| Write::Replace { record: Record { version: 2, ..old.clone() }, was: old.keys.clone() };
    let (kind, current) = (Kind::Order, 5);
    let outcomes = shop.commit_together([vec![order(1)], vec![replace(&changed)], vec![replace(&removed)]]).await;
    let stale = Err(CommitError::Refused(Refusal::Stale { kind, id: changed.id, current }));
    let missing = Err(CommitError::Refused(Refusal::Missing { kind, id: removed.id }));
    assert_eq!(outcomes, [Ok(()), stale, missing]);
}

#[tokio::test]
async fn what_a_group_knew_goes_with_it() {
    let shop = Shop::new();
    shop.sabotage(trap);
    let first = record(1, 1);
    let trapped = shop.commit([Write::Insert(first.clone()), Write::Append(event("trap"))]).await;
    assert!(matches!(trapped, Err(CommitError::Failed(StoreError::Broken(_)))), "{trapped:?}");
    let check = Write::Check { kind: Kind::Order, id: first.id, version: None };
    let missing = CommitError::Refused(Refusal::Missing { kind: Kind::Order, id: first.id });
    assert_eq!(shop.commit([check]).await, Err(missing));
    shop.put([Write::Insert(first)]).await;
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let shop = Shop::new();
    shop.put([order(1)]).await;
    shop.sabotage(|_| {
        std::thread::sleep(Duration::from_millis(100));
        panic!("a test made the writer panic");
    });
    let waiting = shop.commit([order(1)]).await;
    assert!(matches!(waiting, Err(CommitError::Unknown(_))), "{waiting:?}");
    // Unknown if it came before the queue was gone.
    let later = shop.commit([order(1)]).await;
    let is_told = matches!(later, Err(CommitError::Failed(StoreError::Unavailable(_)) | CommitError::Unknown(_)));
    assert!(is_told, "{later:?}");
    let settled = shop.store.resolve(id()).await;
    assert!(matches!(settled, Err(StoreError::Unavailable(_))), "{settled:?}");
    let shop = shop.reopened();
    assert_eq!(shop.orders().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_wait_is_turned_away_at_once() {
    let shop = Shop::new();
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(500)));
    let outcomes = shop.commit_together((0..5000).map(|_| vec![order(1)])).await;
    let is_overload = |outcome: &&Result<_, _>| matches!(outcome, Err(CommitError::Failed(StoreError::Overloaded)));
    let turned_away = outcomes.iter().filter(is_overload).count();
    assert!(turned_away > 0 && outcomes.iter().filter(|outcome| outcome.is_ok()).count() + turned_away == 5000);
    assert_eq!(shop.orders().await, 5000 - turned_away as u64, "who was let in was served");
}

#[tokio::test]
async fn a_file_that_was_moved_away_stops_the_store() {
    let shop = Shop::new();
    shop.put([order(1)]).await;
    let away = shop.path().with_extension("away");
    std::fs::rename(shop.path(), &away).expect("a file can be renamed");
    let lost = shop.commit([order(1)]).await;
    assert!(matches!(lost, Err(CommitError::Failed(StoreError::Unavailable(_)))), "{lost:?}");
    std::fs::rename(&away, shop.path()).expect("a file can be renamed");
    let later = shop.commit([order(1)]).await;
    assert!(matches!(later, Err(CommitError::Failed(StoreError::Unavailable(_)))), "it stays stopped: {later:?}");
    assert!(shop.store.count(Kind::Order, &[]).await.is_err());
    assert_eq!(shop.reopened().orders().await, 1);
}

#[tokio::test]
async fn closing_finishes_what_was_begun_and_empties_the_log() {
    let shop = Shop::new();
    shop.sabotage(|_| std::thread::sleep(Duration::from_millis(100)));
    let (batch, operation) = batch([order(1)]);
    let hung_up = tokio::time::timeout(Duration::from_millis(10), shop.store.commit(batch)).await;
    assert!(hung_up.is_err(), "the caller did not wait");
    let path = shop.path();
    let shop = shop.reopened();
    assert_eq!(shop.store.resolve(operation).await, Ok(Resolution::Committed));
    drop(shop.store);
    let log = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
}

#[tokio::test]
async fn the_log_stays_short_under_load() {
    let shop = Shop::new();
    for _ in 0..60 {
        shop.put((0..400).map(|_| order(1))).await;
    }
    let log = std::fs::metadata(shop.path().with_extension("db-wal")).expect("there is a log").len();
    let database = std::fs::metadata(shop.path()).expect("there is a database").len();
    assert!(database > 4_000_000, "there was load: {database}");
    assert!(log < 40_000_000, "{log}");
}

#[test]
fn every_list_walks_its_index_without_sorting() {
    let shop = Shop::new();
    let connection = connect::reader(&shop.path()).expect("it can be read");
    let range = Condition::Created { from: Some(Timestamp(5)), until: Some(Timestamp(9)) };
    let lists = [
        (Kind::Product, vec![]),
        (Kind::Product, vec![Condition::Active(true)]),
        (Kind::Sku, vec![Condition::Parent(id())]),
        (Kind::Sku, vec![Condition::Active(false), Condition::Parent(id())]),
        (Kind::Order, vec![Condition::Status(3), range.clone()]),
        (Kind::Order, vec![Condition::Email("a@example.com".into())]),
        (Kind::Order, vec![Condition::Email(String::new())]),
        (Kind::Charge, vec![Condition::Order(id())]),
        (Kind::Charge, vec![Condition::Status(3)]),
        (Kind::Charge, vec![range]),
    ];
    for (kind, conditions) in lists {
        for found in [path::Path::by_created(kind, &conditions), path::Path::by_updated(kind, &conditions)] {
            for descending in [true, false] {
                let plan = plan(&connection, &found.walk(descending));
                assert!(plan.starts_with("SEARCH") && plan.contains(",id)>("), "{kind:?} {conditions:?}: {plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{kind:?} {conditions:?}: {plan}");
            }
        }
    }
}

/// As the planner tells it, steps joined by ";".
fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("it is SQL");
    let steps = statement.query_map([rusqlite::types::Null; 7], |row| row.get::<_, String>(3));
    steps.and_then(Iterator::collect::<Result<Vec<_>, _>>).expect("it has a plan").join(";")
}

#[tokio::test]
async fn few_of_many_are_listed_by_change_on_one_page() {
    let shop = Shop::new();
    for _ in 0..25 {
        shop.put((0..500).map(|_| order(1))).await;
    }
    shop.put((0..3).map(|_| order(9))).await;
    shop.put((0..500).map(|_| order(1))).await;
    let order = Order { by_updated: true, descending: false };
    let conditions = vec![Condition::Status(9)];
    let query = Query { kind: Kind::Order, conditions, order, after: None, offset: 1, limit: 5 };
    let page = shop.store.list(&query).await.expect("a list");
    assert_eq!((page.records.len(), page.next), (2, None));
}

#[test]
fn a_list_leaves_no_transaction_behind() {
    let shop = Shop::new();
    let connection = connect::reader(&shop.path()).expect("it can be read");
    let order = Order { by_updated: false, descending: false };
    let query = Query { kind: Kind::Order, conditions: vec![], order, after: None, offset: 0, limit: 5 };
    list::list(&connection, &query).expect("a list");
    assert!(connection.is_autocommit());
}

/// A shop in a temporary folder.
struct Shop {
    store: Sqlite,
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { store: Sqlite::open(&folder.path().join("shop.db")).expect("the shop opens"), folder }
    }

    fn reopened(self) -> Self {
        drop(self.store);
        Self { store: Sqlite::open(&self.folder.path().join("shop.db")).expect("it opens again"), folder: self.folder }
    }

    fn path(&self) -> PathBuf {
        Path::new(self.folder.path()).join("shop.db")
    }

    /// Has the writer do something; later work waits for it.
    fn sabotage(&self, what: fn(&Connection)) {
        self.store.writer.as_ref().expect("it can write").begin(Work::Sabotage(what)).expect("the queue is not full");
    }

    async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<(), CommitError> {
        self.store.commit(batch(writes).0).await.map(|_| ())
    }

    async fn put(&self, writes: impl IntoIterator<Item = Write>) {
        self.commit(writes).await.expect("nothing speaks against it");
    }

    async fn commit_together(
        &self,
        batches: impl IntoIterator<Item = Vec<Write>>,
    ) -> Vec<Result<(), CommitError>> {
        futures_util::future::join_all(batches.into_iter().map(|writes| self.commit(writes))).await
    }

    async fn orders(&self) -> u64 {
        self.store.count(Kind::Order, &[]).await.expect("a total").count
    }
}

fn id() -> Uuid {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1000);
    Uuid::from_u128(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64)
}

fn batch(writes: impl IntoIterator<Item = Write>) -> (Batch, Uuid) {
    let operation = id();
    (Batch { operation, at: Timestamp(1), writes: writes.into_iter().collect() }, operation)
}

fn order(status: u8) -> Write {
    Write::Insert(record(status, 1))
}

fn record(status: u8, version: u64) -> Record {
    let keys = Keys::Order { status, email: "ada@example.com".into() };
    let body = format!(r#"{{"note":"{}"}}"#, "x".repeat(200));
    Record { id: id(), version, created: Timestamp(1), updated: Timestamp(1), keys, body }
}

/// From now on an event of the name `trap` fails in the database, which keeps the rows that came before it in its statement.
fn trap(connection: &Connection) {
    let trigger = "CREATE TRIGGER trap BEFORE INSERT ON events WHEN NEW.name = 'trap'
                   BEGIN SELECT raise(FAIL, 'trapped'); END";
    connection.execute_batch(trigger).expect("a trigger can be made");
}

fn event(name: &str) -> Event {
    let body = "{}".into();
    Event { id: id(), name: name.into(), kind: Kind::Order, object: id(), version: 1, at: Timestamp(1), body }
}
