//! Shops of earlier digotas, and shops that are only read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use digota_core::port::Store;
use digota_core::port::store::{Concern, Condition, Kind, Order, Query};
use digota_storage::Schema;

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
