//! The SQLite storage seen from outside: its files, its openings, its failures, its views.

use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{Batch, CommitError, Keys, Kind, Record, Write};
use digota_core::time::Timestamp;
use digota_storage::sqlite::Sqlite;
use uuid::Uuid;

mod copying;
mod failing_disk;
mod looking;
mod migrating;
mod opening;
mod views;

/// 2027-01-15T08:00:00.123456Z.
const AT: Timestamp = Timestamp(1_800_000_000_123_456);

/// The `n`th id.
fn id(n: u128) -> Uuid {
    Uuid::from_u128(0xaf35_0ecc_56c8_485f_8858_0000_0000_0000 + n)
}

fn record(n: u128, keys: Keys) -> Record {
    let money = r#"{"amount":4726,"currency":"EUR"}"#;
    let note = "x".repeat(400);
    let body =
        format!(r#"{{"details":{{"name":"Tea {n}"}},"money":{money},"status":"created","note":"{note}"}}"#);
    Record { id: id(n), version: 1, created: AT, updated: AT, keys, body }
}

fn order(n: u128) -> Write {
    Write::Insert(record(n, Keys::Order { status: 1, email: "ada@example.com".into() }))
}

/// What is told of the `n`th order.
fn event(n: u128) -> Write {
    let (name, body) = ("order.created".into(), "{}".into());
    Write::Append(Event { id: id(n), name, kind: Kind::Order, object: id(n), version: 1, at: AT, body })
}

/// Commits writes as operation `n`.
async fn commit(shop: &Sqlite, n: u128, writes: impl IntoIterator<Item = Write>) -> Result<(), CommitError> {
    let batch = Batch { operation: id(n), at: AT, writes: writes.into_iter().collect() };
    shop.commit(batch).await.map(|_| ())
}

async fn orders(shop: &Sqlite) -> u64 {
    shop.count(Kind::Order, &[]).await.expect("a total").count
}
