//! Records and writes to try a store with. Each call makes fresh ones: ids and moments never repeat.

use std::sync::atomic::{AtomicU64, Ordering};

use digota_core::event::Event;
use digota_core::port::store::{Batch, Change, Concern, KeyEntry, KeyScope, Keys, Kind, Record, Write};
use digota_core::testing::chance::scatter;
use digota_core::time::Timestamp;
use uuid::Uuid;

static TICKS: AtomicU64 = AtomicU64::new(1);

fn tick() -> u64 {
    TICKS.fetch_add(1, Ordering::Relaxed)
}

/// A new id; later ones are not greater.
pub(super) fn id() -> Uuid {
    let n = tick();
    let bits = u128::from(scatter(n)) << 64 | u128::from(scatter(!n));
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

/// The moment this many microseconds after the beginning of the samples' time.
pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + micros)
}

/// A new moment, later than all before.
pub(super) fn now() -> Timestamp {
    at(i64::try_from(tick()).expect("tests make fewer samples than that"))
}

/// A first version.
pub(super) fn record(keys: Keys) -> Record {
    let created = now();
    let body = format!(r#"{{"made":{},"name":"Crème \"brûlée\" 🍮 'x' %_\\"}}"#, created.0);
    Record { id: id(), version: 1, created, updated: created, keys, body }
}

pub(super) fn product(active: bool) -> Record {
    record(Keys::Product { active })
}

pub(super) fn sku(parent: Uuid, active: bool) -> Record {
    record(Keys::Sku { parent, active })
}

pub(super) fn order(status: u8, email: &str) -> Record {
    record(Keys::Order { status, email: email.to_owned() })
}

pub(super) fn charge(order: Option<Uuid>, status: u8) -> Record {
    record(Keys::Charge { order, status })
}

pub(super) fn attempt(subject: Uuid, due: Option<Timestamp>) -> Record {
    concerned(subject, due, Concern::None)
}

pub(super) fn concerned(subject: Uuid, due: Option<Timestamp>, concern: Concern) -> Record {
    record(Keys::Attempt { subject, due, concern })
}

/// The next version of a record, with other keys.
pub(super) fn changed(old: &Record, keys: Keys) -> Record {
    let fresh = record(keys);
    Record { id: old.id, version: old.version + 1, created: old.created, ..fresh }
}

/// The next version of a record, with the same keys.
pub(super) fn touched(old: &Record) -> Record {
    changed(old, old.keys.clone())
}

/// A batch with an operation id of its own.
pub(super) fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    Batch { operation: id(), at: now(), writes: writes.into_iter().collect() }
}

pub(super) fn insert(record: &Record) -> Write {
    Write::Insert(record.clone())
}

pub(super) fn replace(old: &Record, new: &Record) -> Write {
    Write::Replace { record: new.clone(), was: old.keys.clone() }
}

pub(super) fn delete(record: &Record) -> Write {
    Write::Delete { id: record.id, version: record.version, was: record.keys.clone() }
}

pub(super) fn check(kind: Kind, id: Uuid, version: Option<u64>) -> Write {
    Write::Check { kind, id, version }
}

/// A movement for a reference.
pub(super) fn shift(sku: Uuid, change: Change, reference: Uuid) -> Write {
    Write::Move { sku, change, reference: Some(reference), reason: "pay".into() }
}

/// A movement by hand.
pub(super) fn by_hand(sku: Uuid, change: Change) -> Write {
    Write::Move { sku, change, reference: None, reason: "counted".into() }
}

/// The event of a record's version.
pub(super) fn event(record: &Record) -> Event {
    let kind = record.keys.kind();
    Event {
        id: id(),
        name: format!("{}.changed", kind.name()),
        kind,
        object: record.id,
        version: record.version,
        at: now(),
        body: r#"{"summary":"ü"}"#.into(),
    }
}

/// A key that nobody has claimed.
pub(super) fn scope() -> KeyScope {
    KeyScope {
        principal: "till".into(),
        method: "/orderpb.OrderService/Pay".into(),
        key: format!("key-{}", tick()),
    }
}

/// An entry without an answer.
pub(super) fn entry(attempt: Option<Uuid>) -> KeyEntry {
    let fingerprint = format!("{:064x}", scatter(tick()));
    KeyEntry { fingerprint, attempt, answer: None, stock: None }
}

pub(super) fn claim(scope: &KeyScope, entry: &KeyEntry) -> Write {
    Write::Claim { scope: scope.clone(), entry: entry.clone(), stock_of: None }
}

/// A claim whose entry keeps the stock of a SKU.
pub(super) fn claim_with_stock(scope: &KeyScope, entry: &KeyEntry, sku: Uuid) -> Write {
    Write::Claim { scope: scope.clone(), entry: entry.clone(), stock_of: Some(sku) }
}

pub(super) fn answer(scope: &KeyScope, answer: &str) -> Write {
    Write::Answer { scope: scope.clone(), answer: answer.into() }
}

/// Many records of a kind, alike in most things: few moments, so that ids must break ties, few owners, few statuses.
pub(super) fn crowd(kind: Kind, size: u64) -> Vec<Record> {
    const EMAILS: [&str; 4] = ["ada@example.com", "Ada@example.com", "", "o'hara%_@example.com"];
    let (owners, salt) = ([id(), id(), id()], tick());
    let member = |n: u64| {
        let luck = scatter(salt ^ scatter(n));
        let pick = |shift: u32, choices: usize| usize::try_from(luck >> shift & 0xFF).unwrap_or(0) % choices;
        let active = pick(0, 2) == 0;
        let status = [0, 1, 2, 200][pick(8, 4)];
        let mut one = record(match kind {
            Kind::Product => Keys::Product { active },
            Kind::Sku => Keys::Sku { parent: owners[pick(16, 3)], active },
            Kind::Order => Keys::Order { status, email: EMAILS[pick(16, 4)].to_owned() },
            Kind::Charge => Keys::Charge { order: owners.get(pick(16, 4)).copied(), status },
            Kind::Attempt => {
                Keys::Attempt { subject: id(), due: active.then(now), concern: Concern::ALL[pick(16, 3)] }
            }
        });
        one.created = at([0, 10, 20, 30][pick(24, 4)]);
        one.updated = at([40, 50, 60][pick(32, 3)]);
        one
    };
    (0..size).map(member).collect()
}
