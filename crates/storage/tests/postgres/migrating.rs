//! Shops of earlier digotas, and shops that are only read.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Concern, Condition, Kind, Order, Query};
use digota_storage::Schema;

use super::{Server, commit, config, id, open, order};

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
