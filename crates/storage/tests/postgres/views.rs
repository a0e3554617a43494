//! The views for reports.

use digota_core::port::store::{Change, Concern, Keys, Write};

use super::{Server, commit, config, id, open, order, record};

pub(super) async fn reports_show_moments_as_text(server: Server) {
    let config = config(&server);
    let shop = open(&config).await;
    let sku = id(0x5);
    let writes = [
        Write::Insert(record(0x1, Keys::Product { active: true })),
        Write::Insert(record(0x5, Keys::Sku { parent: id(0x1), active: true })),
        Write::OpenStock { sku, on_hand: 9 },
        Write::Move { sku, change: Change::Reserve(2), reference: Some(id(0x77)), reason: "pay".into() },
        order(0x2),
        Write::Insert(record(0x3, Keys::Charge { order: None, status: 3 })),
        Write::Insert(record(0x4, Keys::Attempt { subject: id(0x3), due: None, concern: Concern::Review })),
    ];
    commit(shop.as_ref(), 0x99, writes).await.expect("nothing speaks against it");

    let row = |sql: &str| server.sql(&config.database, sql).expect("one row");
    let start = "af350ecc-56c8-485f-8858-0000000000";
    assert_eq!(row("SELECT id, name FROM v_products"), format!("{start}01|Tea 1"));
    assert_eq!(row("SELECT created FROM v_orders"), "2027-01-15T08:00:00.123Z");
    let money = "SELECT status, amount, currency, refunded";
    assert_eq!(row(&format!("{money} FROM v_orders")), "created|4726|EUR|0");
    assert_eq!(row(&format!("{money} FROM v_charges")), "created|4726|EUR|0");
    let stock = "SELECT product, on_hand, reserved, available FROM v_skus";
    assert_eq!(row(stock), format!("{start}01|9|2|7"));
    let movements = "SELECT string_agg(kind || ' ' || coalesce(reference::text, 'by hand'), ', ' ORDER BY number) FROM v_movements";
    assert_eq!(row(movements), format!("adjust by hand, reserve {start}77"));
    assert_eq!(row("SELECT subject, open, due, concern FROM v_attempts"), format!("{start}03|f||review"));
    assert_eq!(row("SELECT count(*) FROM v_events"), "0");
}
