//! What a command means where the model stands: real ids, real versions, real batches.

use std::collections::BTreeSet;

use digota_core::event::Event;
use digota_core::port::store::{
    Batch, Change, Concern, Condition, KeyEntry, KeyScope, Keys, Kind, Order, Query, Record, Write,
};
use digota_core::stock::MovementKind;
use digota_core::testing::chance::scatter;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::super::drive::NATURAL;
use super::command::{Choice, Filter, Put};
use super::state::Model;

/// Makes what is new: the same for the same sequence.
#[derive(Default)]
pub(super) struct Maker {
    made: u64,
    batches: i64,
}

/// A batch in the making.
#[derive(Default)]
struct Draft {
    writes: Vec<Write>,
    /// Records that it writes: each at most once.
    touched: BTreeSet<(Kind, Uuid)>,
    /// SKUs that it gives their stock.
    opened: BTreeSet<Uuid>,
    /// SKUs that it moves, and those that it sets.
    moved: BTreeSet<Uuid>,
    set: BTreeSet<Uuid>,
    told: BTreeSet<Uuid>,
}

/// A moment, not far from the others.
pub(super) fn at(moment: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + moment)
}

/// The nth of some, if there is any.
fn pick<T: Copy>(some: &[T], which: usize) -> Option<T> {
    some.get(which % some.len().max(1)).copied()
}

/// An id that nothing has.
fn stranger(which: usize) -> Uuid {
    Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + which as u128)
}

pub(super) fn scope(which: usize) -> KeyScope {
    let method = "/orderpb.OrderService/Pay".to_owned();
    KeyScope { principal: format!("till-{}", which % 2), method, key: format!("key-{which}") }
}

fn status(number: usize) -> u8 {
    [0, 1, 2, 200][number % 4]
}

fn email(number: usize) -> String {
    ["ada@example.com", "Ada@example.com", ""][number % 3].to_owned()
}

impl Model {
    /// The ids of a kind.
    pub(super) fn ids(&self, kind: Kind) -> Vec<Uuid> {
        self.of_kind(kind).into_iter().map(|record| record.id).collect()
    }

    /// A SKU with stock, or one without.
    pub(super) fn stocked(&self, which: usize) -> Uuid {
        let stocked: Vec<Uuid> = self.ledgers.keys().copied().collect();
        pick(&stocked, which).filter(|_| which < 8).unwrap_or(stranger(1))
    }

    /// A key that has no answer yet, or any.
    fn claimed(&self, which: usize) -> KeyScope {
        let waiting = self.keys.iter().filter(|(_, (_, entry))| entry.answer.is_none());
        let all: Vec<&KeyScope> = waiting.map(|(scope, _)| scope).collect();
        pick(&all, which).filter(|_| which > 0).cloned().unwrap_or_else(|| scope(which))
    }

    /// A reservation of a SKU: for what, and how many.
    fn reserved(&self, sku: Uuid, which: usize) -> Option<(Uuid, i64)> {
        let ledger = self.ledgers.get(&sku)?;
        let reserved = ledger.iter().filter(|m| m.kind == MovementKind::Reserve);
        let all: Vec<(Uuid, i64)> = reserved.filter_map(|m| Some((m.reference?, m.reserved))).collect();
        pick(&all, which)
    }

    /// An operation that is known: every other time one that never was.
    pub(super) fn operation(&self, which: usize) -> Option<Uuid> {
        let known = |never: bool| -> Vec<Uuid> {
            let some = self.operations.iter().filter(|(_, at)| !never || at.is_none());
            some.map(|(id, _)| *id).collect()
        };
        let never = pick(&known(true), which / 2).filter(|_| which.is_multiple_of(2));
        never.or_else(|| pick(&known(false), which / 2))
    }

    /// A list. Filters that make no sense for the kind are left out; attempts are listed by one alone, in one order.
    pub(super) fn query(
        &self,
        kind: Kind,
        filters: &[Filter],
        order: Order,
        (offset, limit): (u32, u32),
    ) -> Query {
        let mut conditions: Vec<_> =
            filters.iter().filter_map(|filter| self.condition(kind, filter)).collect();
        let of_attempts = kind == Kind::Attempt;
        conditions.truncate(if of_attempts { 1 } else { conditions.len() });
        let order = if of_attempts { NATURAL } else { order };
        Query { kind, conditions, order, after: None, offset, limit }
    }

    fn condition(&self, kind: Kind, filter: &Filter) -> Option<Condition> {
        let some = |kind, which: &usize| pick(&self.ids(kind), *which).unwrap_or(stranger(2));
        match (kind, filter) {
            (Kind::Product | Kind::Sku, Filter::Active(active)) => Some(Condition::Active(*active)),
            (Kind::Sku, Filter::Parent(which)) => Some(Condition::Parent(some(Kind::Product, which))),
            (Kind::Order | Kind::Charge, Filter::Status(number)) => Some(Condition::Status(status(*number))),
            (Kind::Order, Filter::Email(number)) => Some(Condition::Email(email(*number))),
            (Kind::Charge, Filter::Order(which)) => Some(Condition::Order(some(Kind::Order, which))),
            (Kind::Attempt, Filter::Open) => Some(Condition::Open),
            (Kind::Attempt, Filter::Concern(concern)) => Some(Condition::Concern(*concern)),
            (Kind::Product | Kind::Sku | Kind::Order | Kind::Charge, Filter::Created { from, until }) => {
                Some(Condition::Created { from: from.map(at), until: until.map(at) })
            }
            _ => None,
        }
    }
}

impl Maker {
    pub(super) fn id(&mut self) -> Uuid {
        self.made += 1;
        let bits = u128::from(scatter(self.made)) << 64 | u128::from(scatter(!self.made));
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// A batch of these writes, as far as they make sense together.
    pub(super) fn batch(&mut self, model: &Model, puts: &[Put], operation: Option<usize>) -> Batch {
        self.batches += 1;
        let now = at(self.batches);
        let mut draft = Draft::default();
        // What tells of a record comes after what writes it.
        let (told, written): (Vec<&Put>, _) = puts.iter().partition(|put| matches!(put, Put::Append { .. }));
        for put in written.into_iter().chain(told) {
            self.put(model, put, now, &mut draft);
        }
        let operation = operation.and_then(|which| model.operation(which)).unwrap_or_else(|| self.id());
        Batch { operation, at: now, writes: draft.writes }
    }

    fn put(&mut self, model: &Model, put: &Put, now: Timestamp, draft: &mut Draft) {
        match put {
            Put::Insert { kind, taken, keys } => {
                let taken = pick(&model.ids(*kind), keys.number).filter(|_| *taken);
                let id = taken.unwrap_or_else(|| self.id());
                let record = self.record(id, 1, model.keys(*kind, *keys), *keys, None);
                draft.write_record(*kind, id, Write::Insert(record));
            }
            Put::Replace { kind, which, stale, keys } => {
                let (id, version, was) = self.target(model, *kind, *which, *stale, *keys);
                let old = model.records.get(&(*kind, id));
                let new = subject_stays(model.keys(*kind, *keys), &was);
                let record = self.record(id, version + 1, new, *keys, old);
                draft.write_record(*kind, id, Write::Replace { record, was });
            }
            Put::Delete { kind, which, stale } => {
                let choice =
                    Choice { active: true, number: 0, owner: None, moment: 0, concern: Concern::None };
                let (id, version, was) = self.target(model, *kind, *which, *stale, choice);
                draft.write_record(*kind, id, Write::Delete { id, version, was });
            }
            Put::Check { kind, which, version } => {
                let id = pick(&model.ids(*kind), *which).unwrap_or(stranger(3));
                let current = model.records.get(&(*kind, id)).map_or(1, |record| record.version);
                let version = version.map(|right| if right { current } else { current + 1 });
                draft.writes.push(Write::Check { kind: *kind, id, version });
            }
            Put::NoChildren(which) => {
                let product = pick(&model.ids(Kind::Product), *which).unwrap_or(stranger(2));
                draft.writes.push(Write::NoChildren(product));
            }
            Put::Append { which } => self.tell(*which, now, draft),
            Put::OpenStock { .. } | Put::Move { .. } | Put::Sell { .. } | Put::End { .. } => {
                self.put_stock(model, put, draft);
            }
            Put::Claim { .. } | Put::Answer(_) | Put::Free(_) => self.put_key(model, put, draft),
        }
    }

    fn put_stock(&mut self, model: &Model, put: &Put, draft: &mut Draft) {
        match *put {
            Put::OpenStock { taken, on_hand } => {
                let bare = model.ids(Kind::Sku).into_iter().find(|sku| !model.ledgers.contains_key(sku));
                let taken = model.ledgers.keys().next().copied().filter(|_| taken);
                let sku = taken.or(bare).unwrap_or_else(|| self.id());
                if draft.opened.insert(sku) {
                    draft.writes.push(Write::OpenStock { sku, on_hand });
                }
            }
            Put::Move { sku, change, reference } => {
                draft.shift(model.stocked(sku), change, reference.map(|which| stranger(100 + which)));
            }
            Put::End { sku, which, sold } => {
                let sku = model.stocked(sku);
                let Some((reference, pieces)) = model.reserved(sku, which) else { return };
                let change = if sold { Change::Consume(pieces) } else { Change::Release(pieces) };
                draft.shift(sku, change, Some(reference));
            }
            Put::Sell { skus, pieces } => {
                let payment = self.id();
                for sku in model.ledgers.keys().take(skus) {
                    draft.shift(*sku, Change::Reserve(pieces), Some(payment));
                }
            }
            _ => {}
        }
    }

    fn put_key(&mut self, model: &Model, put: &Put, draft: &mut Draft) {
        match put {
            Put::Claim { key, attempt, answered, sku } => {
                let stocked: Vec<Uuid> = model.ledgers.keys().chain(&draft.opened).copied().collect();
                let stock_of = sku.and_then(|which| pick(&stocked, which));
                let attempt = attempt.and_then(|which| pick(&model.ids(Kind::Attempt), which));
                let answer = answered.then(|| self.answer());
                let entry =
                    KeyEntry { fingerprint: format!("{:064x}", self.made), attempt, answer, stock: None };
                draft.writes.push(Write::Claim { scope: scope(*key), entry, stock_of });
            }
            Put::Answer(key) => {
                draft.writes.push(Write::Answer { scope: model.claimed(*key), answer: self.answer() });
            }
            Put::Free(key) => draft.writes.push(Write::Free(model.claimed(*key))),
            _ => {}
        }
    }

    fn answer(&mut self) -> String {
        self.made += 1;
        format!(r#"{{"Ok":{}}}"#, self.made)
    }

    /// A record to be replaced or deleted, the version that is said of it, and the keys that it has.
    fn target(
        &mut self,
        model: &Model,
        kind: Kind,
        which: usize,
        stale: bool,
        choice: Choice,
    ) -> (Uuid, u64, Keys) {
        let found = pick(&model.of_kind(kind), which).filter(|_| !stale || which.is_multiple_of(2));
        match found {
            Some(record) => (record.id, record.version + u64::from(stale), record.keys.clone()),
            None => (self.id(), 1, model.keys(kind, choice)),
        }
    }

    fn record(&mut self, id: Uuid, version: u64, keys: Keys, choice: Choice, old: Option<&Record>) -> Record {
        self.made += 1;
        let created = old.map_or(at(choice.moment), |old| old.created);
        let body = format!(r#"{{"made":{},"name":"Crème 'x' %_\\ 🍮"}}"#, self.made);
        Record { id, version, created, updated: at(10 + choice.moment), keys, body }
    }

    /// Tells of one of the records that the batch writes.
    fn tell(&mut self, which: usize, at: Timestamp, draft: &mut Draft) {
        let written: Vec<(Kind, Uuid, u64)> = draft
            .writes
            .iter()
            .filter_map(|write| match write {
                Write::Insert(record) | Write::Replace { record, .. } => {
                    Some((record.keys.kind(), record.id, record.version))
                }
                _ => None,
            })
            .filter(|(_, id, _)| !draft.told.contains(id))
            .collect();
        if let Some((kind, object, version)) = pick(&written, which) {
            draft.told.insert(object);
            let (id, name) = (self.id(), format!("{}.changed", kind.name()));
            let body = r#"{"summary":"ü"}"#.to_owned();
            draft.writes.push(Write::Append(Event { id, name, kind, object, version, at, body }));
        }
    }
}

impl Draft {
    fn shift(&mut self, sku: Uuid, change: Change, reference: Option<Uuid>) {
        // What is set is set alone: a shortage beside it has no meaning.
        let sets = matches!(change, Change::SetAvailable(_));
        if self.set.contains(&sku) || (sets && self.moved.contains(&sku)) || self.opened.contains(&sku) {
            return;
        }
        self.moved.insert(sku);
        if sets {
            self.set.insert(sku);
        }
        let (reference, reason) = (reference.filter(|_| !sets), "played".to_owned());
        self.writes.push(Write::Move { sku, change, reference, reason });
    }

    fn write_record(&mut self, kind: Kind, id: Uuid, write: Write) {
        if self.touched.insert((kind, id)) {
            self.writes.push(write);
        }
    }
}

impl Model {
    fn keys(&self, kind: Kind, choice: Choice) -> Keys {
        let Choice { active, number, owner, moment, concern } = choice;
        let owner = |kind| owner.and_then(|which| pick(&self.ids(kind), which));
        match kind {
            Kind::Product => Keys::Product { active },
            Kind::Sku => Keys::Sku { parent: owner(Kind::Product).unwrap_or(stranger(2)), active },
            Kind::Order => Keys::Order { status: status(number), email: email(number) },
            Kind::Charge => Keys::Charge { order: owner(Kind::Order), status: status(number) },
            Kind::Attempt => {
                let subject = owner(Kind::Order).unwrap_or(stranger(10 + number));
                Keys::Attempt { subject, due: active.then(|| at(moment)), concern }
            }
        }
    }
}

/// An attempt is about the same thing for ever.
fn subject_stays(new: Keys, was: &Keys) -> Keys {
    match (new, was) {
        (Keys::Attempt { due, concern, .. }, Keys::Attempt { subject, .. }) => {
            Keys::Attempt { subject: *subject, due, concern }
        }
        (new, _) => new,
    }
}
