//! The views for reports.

use digota_core::port::store::{Change, Concern, Keys, Write};
use digota_storage::sqlite::Sqlite;
use rusqlite::Connection;

use super::{commit, id, order, record};

#[tokio::test]
async fn reports_show_ids_and_moments_as_text() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    let shop = Sqlite::open(&path).expect("the shop opens");
    let sku = id(0x5);
    let writes = [
        Write::Insert(record(0x1, Keys::Product { active: true })),
        Write::Insert(record(0x5, Keys::Sku { parent: id(0x1), active: true })),
        Write::OpenStock { sku, on_hand: 9 },
        Write::Move { sku, change: Change::Reserve(2), reference: Some(id(0x77)), reason: "pay".into() },
        order(0x2),
        Write::Insert(record(0x3, Keys::Charge { order: None, status: 3 })),
        Write::Insert(record(0x4, Keys::Attempt { subject: id(0x3), due: None, concern: Concern::None })),
    ];
    commit(&shop, 0x99, writes).await.expect("nothing speaks against it");

    let hand = Connection::open(&path).expect("a database");
    let row = |sql: &str| hand.query_row(sql, [], |row| row.get::<_, String>(0)).expect("one row");
    let start = "af350ecc-56c8-485f-8858-0000000000";
    assert_eq!(row("SELECT id || ' ' || name FROM v_products"), format!("{start}01 Tea 1"));
    assert_eq!(row("SELECT created FROM v_orders"), "2027-01-15T08:00:00.123Z");
    let money = "SELECT status || ' ' || amount || ' ' || currency";
    assert_eq!(row(&format!("{money} FROM v_orders")), "created 4726 EUR");
    assert_eq!(row(&format!("{money} FROM v_charges")), "created 4726 EUR");
    let stock = "SELECT product || ' ' || on_hand || ' ' || reserved || ' ' || available FROM v_skus";
    assert_eq!(row(stock), format!("{start}01 9 2 7"));
    let movements =
        "SELECT group_concat(kind || ' ' || coalesce(reference, 'by hand'), ', ') FROM v_movements";
    assert_eq!(row(movements), format!("adjust by hand, reserve {start}77"));
    assert_eq!(row("SELECT coalesce(order_id, 'none') FROM v_charges"), "none");
    assert_eq!(
        row("SELECT subject || ' ' || open || coalesce(due, ' done') FROM v_attempts"),
        format!("{start}03 0 done")
    );
    assert_eq!(row("SELECT count(*) || '' FROM v_events"), "0");
}
