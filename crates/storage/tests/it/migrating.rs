//! Shops of earlier digotas.

use digota_core::port::Store;
use digota_core::port::store::{Concern, Condition, Kind, Order, Query};
use digota_storage::sqlite::{OpenError, Sqlite, copy};
use digota_storage::{Config, Schema};
use rusqlite::Connection;

/// The first schema, with an attempt whose outcome is not known and one that ended.
fn first_schema(path: &std::path::Path) {
    let hand = Connection::open(path).expect("a database");
    hand.execute_batch(include_str!("../../src/sqlite/schema.sql")).expect("the first schema");
    hand.execute_batch(
        "PRAGMA application_id = 0x64677461;
         PRAGMA user_version = 1;
         INSERT INTO attempts VALUES
             (x'00000000000000000000000000000001', 3, 5, 6, x'01', 7, '{\"state\":\"unknown\"}'),
             (x'00000000000000000000000000000002', 2, 5, 6, x'02', NULL, '{\"state\":\"succeeded\"}'),
             (x'00000000000000000000000000000003', 2, 5, 6, x'03', 7, '{\"state\":\"pending\"}');
         UPDATE attempts SET subject = id;",
    )
    .expect("some attempts");
}

#[tokio::test]
async fn a_shop_of_the_first_schema_is_brought_to_this_one() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    first_schema(&path);
    let config =
        Config { handler: "sqlite".into(), address: vec![path.display().to_string()], ..Config::default() };
    let schema = async || digota_storage::schema(&config).await.expect("it can be read");
    assert!(matches!(Sqlite::open_read_only(&path), Err(OpenError::Older { found: 1, .. })));
    let Schema { found, needed } = schema().await;
    assert_eq!((found, needed), (1, 2));
    copy(&path, &folder.path().join("before.db"), |_| ()).expect("it can be copied as it is");

    let shop = Sqlite::open(&path).expect("it is migrated");
    assert_eq!(schema().await, Schema { found: 2, needed: 2 });
    let list = async |condition: Condition| {
        let query = Query {
            kind: Kind::Attempt,
            conditions: vec![condition],
            order: Order { by_updated: false, descending: false },
            after: None,
            offset: 0,
            limit: 10,
        };
        let page = shop.list(&query).await.expect("a list");
        page.records.iter().map(|record| record.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(list(Condition::Open).await, [1, 3]);
    assert_eq!(list(Condition::Concern(Concern::Unknown)).await, [1]);
    assert_eq!(list(Condition::Concern(Concern::Review)).await, [] as [u128; 0]);
}

#[tokio::test]
async fn asking_for_the_schema_makes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    let config =
        Config { handler: "sqlite".into(), address: vec![path.display().to_string()], ..Config::default() };
    digota_storage::schema(&config).await.expect_err("there is none");
    assert!(!path.exists());
}
