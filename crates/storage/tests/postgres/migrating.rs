//! Shops of earlier digotas, and shops that are only read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use digota_core::port::Store;
use digota_core::port::store::{Concern, Condition, Horizon, Keys, Kind, Order, Query, Record, Write};
use digota_core::time::Timestamp;
use digota_storage::Schema;
use uuid::Uuid;

use super::{Server, commit, config, id, is_there, open, order};

/// The first schema, with an attempt whose outcome is not known and others that need nobody.
const FIRST: &str = concat!(
    "SET ROLE digota;",
    include_str!("../../src/postgres/schema.sql"),
    r#"
    CREATE TABLE digota_schema (version integer NOT NULL PRIMARY KEY);
    INSERT INTO digota_schema (version) VALUES (1);
    INSERT INTO attempts (id, version, created, updated, subject, due, body) VALUES
        ('00000000-0000-0000-0000-000000000001', 3, 5, 6, '00000000-0000-0000-0000-000000000001', 7, '{"state":"unknown"}'),
        ('00000000-0000-0000-0000-000000000002', 2, 5, 6, '00000000-0000-0000-0000-000000000002', NULL, '{"state":"succeeded"}'),
        ('00000000-0000-0000-0000-000000000003', 2, 5, 6, '00000000-0000-0000-0000-000000000003', 7, '{"state":"pending"}');
    "#
);

pub(super) async fn a_shop_of_the_first_schema_is_brought_to_this_one(server: Server) {
    let config = config(&server);
    server.sql(&config.database, FIRST).expect("the first schema");
    let schema = async || digota_storage::schema(&config).await.expect("it can be read");
    assert_eq!(schema().await, Schema { found: 1, needed: 2 });
    let early = digota_storage::open_read_only(&config).await.err().expect("only a writer migrates it");
    assert!(early.to_string().contains("digota migrate"), "{early}");

    let shop = open(&config).await;
    assert_eq!(schema().await, Schema { found: 2, needed: 2 });
    assert_eq!(attempts(&shop, Condition::Open).await, [1, 3]);
    assert_eq!(attempts(&shop, Condition::Concern(Concern::Unknown)).await, [1]);
    assert_eq!(attempts(&shop, Condition::Concern(Concern::Review)).await, [] as [u128; 0]);
}

pub(super) async fn who_only_reads_changes_nothing(server: Server) {
    let config = config(&server);
    let schema = async || digota_storage::schema(&config).await.expect("it can be read");
    assert_eq!(schema().await, Schema { found: 0, needed: 2 });
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.sql(&config.database, tables).as_deref(), Ok("0"), "nothing was made");

    let shop = open(&config).await;
    commit(shop.as_ref(), 0x99, [order(0x1)]).await.expect("nothing speaks against it");
    let reader = digota_storage::open_read_only(&config).await.expect("beside the writer");
    assert!(super::is_there(reader.as_ref(), 0x1).await);
    let said = commit(reader.as_ref(), 0x98, [order(0x2)]).await.expect_err("it may not").to_string();
    assert!(said.contains("reading only"), "{said}");
    reader.resolve(id(0x97)).await.expect_err("a tombstone is a change");
    commit(shop.as_ref(), 0x97, [order(0x2)]).await.expect("nothing was made of that");
}

/// A node that runs goes on while the database gets a schema that it does not know; one that starts is refused.
pub(super) async fn a_node_goes_on_under_the_next_schema(server: Server) {
    const NEXT: &str = "BEGIN; ALTER TABLE attempts ADD COLUMN later integer NOT NULL DEFAULT 0;
        ALTER TABLE orders ADD COLUMN later integer NOT NULL DEFAULT 0; UPDATE digota_schema SET version = version + 1; COMMIT";
    let config = config(&server);
    let shop = open(&config).await;
    let (migrated, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let buyers = (0..4u128).map(|buyer| {
        let (shop, migrated, seen) = (Arc::clone(&shop), Arc::clone(&migrated), Arc::clone(&seen));
        tokio::spawn(async move {
            let (mut n, mut after) = (buyer * 1_000_000, 0);
            while after < 20 {
                n += 1;
                after += u32::from(migrated.load(Ordering::SeqCst));
                commit(shop.as_ref(), n, [order(n)]).await.expect("no commit fails");
                assert!(is_there(shop.as_ref(), n).await, "nor any read");
                seen.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let buyers: Vec<_> = buyers.collect();
    while seen.load(Ordering::SeqCst) < 40 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.sql(&config.database, NEXT).expect("the next schema");
    migrated.store(true, Ordering::SeqCst);
    for buyer in buyers {
        buyer.await.expect("a buyer must not fail");
    }
    let refused = digota_storage::open(&config).await.err().expect("it is too old").to_string();
    assert!(refused.contains("install the later digota"), "{refused}");
}

/// Nodes of the first schema write on when the second one is there, and know nothing of its columns. The last node that starts
/// makes that good.
pub(super) async fn what_older_nodes_leave_behind_is_made_good(server: Server) {
    const OLDER: &str = r#"
        UPDATE attempts SET version = 4, due = NULL, body = '{"state":"succeeded"}'
         WHERE id = '00000000-0000-0000-0000-000000000001';
        INSERT INTO attempts (id, version, created, updated, subject, due, body) VALUES
        ('00000000-0000-0000-0000-000000000004', 1, 5, 6, '00000000-0000-0000-0000-000000000004', 7, '{"state":"unknown"}')"#;
    let config = config(&server);
    server.sql(&config.database, FIRST).expect("the first schema");
    let first = open(&config).await;
    assert_eq!(attempts(&first, Condition::Concern(Concern::Unknown)).await, [1]);
    server.sql(&config.database, OLDER).expect("it may write on");
    let last = open(&config).await;
    for shop in [first, last] {
        assert_eq!(attempts(&shop, Condition::Concern(Concern::Unknown)).await, [4]);
    }
}

/// Until then, too, whatever an older node left can be settled by a newer one, whose columns it did not write.
pub(super) async fn what_older_nodes_leave_behind_can_be_settled(server: Server) {
    const OLDER: &str = r#"
        UPDATE attempts SET version = 4, due = NULL, body = '{"state":"succeeded"}'
         WHERE id = '00000000-0000-0000-0000-000000000001';
        UPDATE attempts SET version = 3, body = '{"state":"unknown"}'
         WHERE id = '00000000-0000-0000-0000-000000000003'"#;
    let config = config(&server);
    server.sql(&config.database, FIRST).expect("the first schema");
    let newer = open(&config).await;
    server.sql(&config.database, OLDER).expect("it may write on");
    let attempt = |n: u128, version, due: Option<i64>, concern| {
        let keys = Keys::Attempt { subject: Uuid::from_u128(n), due: due.map(Timestamp), concern };
        Record { id: Uuid::from_u128(n), version, ..super::record(n, keys) }
    };
    let settle = |n, version, due, was: Concern, concern| {
        let was = attempt(n, version, due, was).keys;
        Write::Replace { record: attempt(n, version + 1, None, concern), was }
    };
    let writes = [
        settle(1, 4, None, Concern::None, Concern::Review),
        settle(3, 3, Some(7), Concern::Unknown, Concern::None),
    ];
    commit(newer.as_ref(), 0x99, writes).await.expect("the documents count, not the marks");
    assert_eq!(attempts(&newer, Condition::Open).await, [] as [u128; 0]);
    assert_eq!(attempts(&newer, Condition::Concern(Concern::Unknown)).await, [] as [u128; 0]);
    assert_eq!(attempts(&newer, Condition::Concern(Concern::Review)).await, [1]);
}

/// The last older node may stop after the last newer one has started.
pub(super) async fn what_older_nodes_leave_behind_is_made_good_while_newer_ones_serve(server: Server) {
    let config = config(&server);
    server.sql(&config.database, FIRST).expect("the first schema");
    let newer = open(&config).await;
    let older = r#"UPDATE attempts SET body = '{"state":"unknown"}' WHERE id = '00000000-0000-0000-0000-000000000003'"#;
    server.sql(&config.database, older).expect("it may write on");
    assert_eq!(attempts(&newer, Condition::Concern(Concern::Unknown)).await, [1]);
    let horizon = Horizon { operations: Timestamp(0), keys: Timestamp(0), events: None };
    newer.purge(&horizon).await.expect("nothing speaks against it");
    assert_eq!(attempts(&newer, Condition::Concern(Concern::Unknown)).await, [1, 3]);
}

/// A report or a backup reads for hours. The new schema waits for it, and writers do not wait for the new schema.
pub(super) async fn a_new_schema_that_must_wait_holds_no_writer_up(server: Server) {
    const REPORT: &str = "BEGIN; LOCK TABLE attempts IN ACCESS SHARE MODE; SELECT pg_sleep(60); COMMIT";
    const WRITE: &str = "SET lock_timeout = '5s'; UPDATE attempts SET version = version + 1";
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND datname = current_database()";
    let config = config(&server);
    server.sql(&config.database, FIRST).expect("the first schema");
    let held = async |mode: &str, granted: bool| {
        let sql = format!(
            "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'attempts'::regclass
             AND mode = '{mode}' AND granted = {granted}"
        );
        while server.sql(&config.database, &sql).as_deref() != Ok("t") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (reporter, database) = (server.clone(), config.database.clone());
    let report = tokio::task::spawn_blocking(move || reporter.sql(&database, REPORT));
    held("AccessShareLock", true).await;
    let opening = tokio::spawn({
        let config = config.clone();
        async move { digota_storage::open(&config).await.map(|_| ()) }
    });
    held("AccessExclusiveLock", false).await;
    server.sql(&config.database, WRITE).expect("it waits for a moment at most");
    assert!(!opening.is_finished(), "the report still reads");
    server.sql(&config.database, END).expect("the report can be ended");
    report.await.expect("it runs").expect_err("it was ended");
    opening.await.expect("it runs").expect("the tables are free");
    let schema = digota_storage::schema(&config).await.expect("it can be read");
    assert_eq!(schema, Schema { found: 2, needed: 2 });
}

async fn attempts(shop: &Arc<dyn Store>, condition: Condition) -> Vec<u128> {
    let query = Query {
        kind: Kind::Attempt,
        conditions: vec![condition],
        order: Order { by_updated: false, descending: false },
        after: None,
        offset: 0,
        limit: 10,
    };
    let page = shop.list(&query).await.expect("a list");
    page.records.iter().map(|record| record.id.as_u128()).collect()
}
