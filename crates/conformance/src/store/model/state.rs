//! The model: what a store holds, and what a batch does to it. Nothing is fast, nothing is kept twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use digota_core::event::Event;
use digota_core::port::store::{
    Batch, Change, Horizon, KeyEntry, KeyScope, Keys, Kind, Query, Record, Refusal, Resolution, Write,
};
use digota_core::stock::{FIRST_QUANTITY, Movement, MovementKind, Shortage, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

/// Everything that a store holds.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) records: BTreeMap<(Kind, Uuid), Record>,
    /// A SKU has stock if it has a ledger; how much is the sum of that.
    pub(super) ledgers: BTreeMap<Uuid, Vec<Movement>>,
    pub(super) events: Vec<(u64, Event)>,
    pub(super) last_position: u64,
    /// With the moment of the claim.
    pub(super) keys: BTreeMap<KeyScope, (Timestamp, KeyEntry)>,
    /// When an operation was committed; `None` where it never will be.
    pub(super) operations: BTreeMap<Uuid, Option<Timestamp>>,
    /// How many operations that never were a store may still remember.
    never: u64,
}

impl Model {
    /// The records of a kind, by id.
    pub(super) fn of_kind(&self, kind: Kind) -> Vec<&Record> {
        self.records.iter().filter(|((other, _), _)| *other == kind).map(|(_, record)| record).collect()
    }

    /// The stock of a SKU.
    pub(super) fn stock(&self, sku: Uuid) -> Option<Stock> {
        let ledger = self.ledgers.get(&sku)?;
        let (on_hand, reserved) =
            ledger.iter().fold((0, 0), |sum, m| (sum.0 + m.on_hand, sum.1 + m.reserved));
        Some(Stock { on_hand, reserved, version: ledger.len() as u64 })
    }

    /// The records of a list, all pages joined.
    pub(super) fn listed(&self, query: &Query) -> Vec<Record> {
        let by = |record: &Record| {
            (if query.order.by_updated { record.updated } else { record.created }, record.id)
        };
        let meets = |record: &&Record| {
            query.conditions.iter().all(|condition| record.keys.meet(record.created, condition))
        };
        let mut records: Vec<Record> = self.of_kind(query.kind).into_iter().filter(meets).cloned().collect();
        records.sort_by_key(by);
        if query.order.descending {
            records.reverse();
        }
        records
    }

    /// Open attempts whose time has come, the longest due first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<Record> {
        let mut due: Vec<(Timestamp, Record)> = self
            .of_kind(Kind::Attempt)
            .into_iter()
            .filter_map(|attempt| opened(attempt).map(|(_, due)| (due, attempt.clone())))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort_by_key(|(due, attempt)| (*due, attempt.id));
        due.into_iter().map(|(_, attempt)| attempt).collect()
    }

    /// Settles an operation.
    pub(super) fn resolve(&mut self, operation: Uuid) -> Resolution {
        let known = self.operations.contains_key(&operation);
        self.never += u64::from(!known);
        match self.operations.entry(operation).or_insert(None) {
            Some(_) => Resolution::Committed,
            None => Resolution::Never,
        }
    }

    /// Forgets what is old; how many things at least and at most. A store has no clock by which to date what never was, so that it
    /// may forget any of it, and nothing more is said of it.
    pub(super) fn purge(&mut self, before: &Horizon) -> RangeInclusive<u64> {
        let size = |model: &Model| (model.operations.len() + model.keys.len() + model.events.len()) as u64;
        self.operations.retain(|_, at| at.is_some());
        let had = size(self);
        self.operations.retain(|_, at| at.is_some_and(|at| at >= before.operations));
        let open: BTreeSet<Uuid> =
            self.of_kind(Kind::Attempt).into_iter().filter(|a| opened(a).is_some()).map(|a| a.id).collect();
        self.keys.retain(|_, (at, entry)| {
            *at >= before.keys || entry.attempt.is_some_and(|attempt| open.contains(&attempt))
        });
        if let Some(horizon) = before.events {
            self.events.retain(|(_, event)| event.at >= horizon);
        }
        let gone = had - size(self);
        gone..=gone + self.never
    }

    /// Every precondition of a batch that fails: a store names one of them. None: it must be committed.
    pub(super) fn refusals(&self, batch: &Batch) -> Vec<Refusal> {
        let mut all = Vec::new();
        if self.operations.contains_key(&batch.operation) {
            all.push(Refusal::OperationUsed);
        }
        let mut claimed = BTreeSet::new();
        for write in &batch.writes {
            all.extend(self.refusal(write));
            if let Write::Claim { scope, .. } = write
                && (self.keys.contains_key(scope) || !claimed.insert(scope))
            {
                all.push(Refusal::KeyTaken);
            }
        }
        // A store may look at what the records would be before or after it sees that some can't be written.
        let fitting = batch.writes.iter().filter(|write| self.refusal(write).is_none());
        let mut after = self.refusals_after(batch, batch.writes.iter());
        let seen_early = self.refusals_after(batch, fitting);
        after.extend(seen_early.into_iter().filter(|refusal| !after.contains(refusal)).collect::<Vec<_>>());
        all.extend(after);
        all.extend(self.refusals_of_stock(batch));
        all
    }

    /// What speaks against a single write on a record.
    fn refusal(&self, write: &Write) -> Option<Refusal> {
        let (kind, id, version) = match write {
            Write::Insert(record) => {
                let (kind, id) = (record.keys.kind(), record.id);
                return self.records.get(&(kind, id)).map(|_| Refusal::Exists { kind, id });
            }
            Write::Replace { record, .. } => (record.keys.kind(), record.id, Some(record.version - 1)),
            Write::Delete { id, version, was } => (was.kind(), *id, Some(*version)),
            Write::Check { kind, id, version } => (*kind, *id, *version),
            _ => return None,
        };
        match self.records.get(&(kind, id)) {
            None => Some(Refusal::Missing { kind, id }),
            Some(record) if version.is_some_and(|version| version != record.version) => {
                Some(Refusal::Stale { kind, id, current: record.version })
            }
            Some(_) => None,
        }
    }

    /// What speaks against the records as they would be with these writes.
    fn refusals_after<'a>(&self, batch: &Batch, writes: impl Iterator<Item = &'a Write>) -> Vec<Refusal> {
        let mut after = self.clone();
        after.write_records(writes);
        let mut all = Vec::new();
        for write in &batch.writes {
            if let Write::NoChildren(product) = write {
                let is_child =
                    |sku: &&Record| matches!(sku.keys, Keys::Sku { parent, .. } if parent == *product);
                let count = after.of_kind(Kind::Sku).into_iter().filter(is_child).count() as u64;
                all.extend((count > 0).then_some(Refusal::Children { count }));
            }
            let (Write::Insert(record) | Write::Replace { record, .. }) = write else { continue };
            let Some((subject, _)) = opened(record) else { continue };
            let open = after.of_kind(Kind::Attempt).into_iter().filter_map(opened);
            let rivals = open.filter(|(other, _)| *other == subject).count();
            all.extend((rivals > 1).then_some(Refusal::AttemptOpen { subject }));
        }
        all
    }

    fn refusals_of_stock(&self, batch: &Batch) -> Vec<Refusal> {
        let mut all = Vec::new();
        let mut after = self.clone();
        let (mut short, mut steps) = (BTreeSet::new(), BTreeSet::new());
        for write in &batch.writes {
            if let Write::OpenStock { sku, on_hand } = write
                && !after.open_stock(*sku, *on_hand, batch.at)
            {
                all.push(Refusal::Exists { kind: Kind::Sku, id: *sku });
            }
        }
        for write in &batch.writes {
            let Write::Move { sku, change, reference, reason } = write else { continue };
            if !after.ledgers.contains_key(sku) {
                all.push(Refusal::Missing { kind: Kind::Sku, id: *sku });
                continue;
            }
            if let (Some(reference), Some(step)) = (*reference, MovementKind::of(*change).step())
                && (self.has_moved(*sku, step, reference) || !steps.insert((*sku, step, reference)))
            {
                all.push(Refusal::MovedAlready { sku: *sku, reference });
            }
            if !after.shift(*sku, *change, *reference, reason, batch.at) {
                short.insert(*sku);
            }
        }
        if !short.is_empty() {
            let shortages = short.into_iter().map(|sku| self.shortage(sku, batch)).collect();
            all.push(Refusal::OutOfStock(shortages));
        }
        all
    }

    /// All that a batch asks of a SKU, and what there was before it.
    fn shortage(&self, sku: Uuid, batch: &Batch) -> Shortage {
        let before = self.stock(sku).unwrap_or_default();
        let (mut taken, mut ended) = (0, 0);
        for write in &batch.writes {
            match write {
                Write::Move { sku: moved, change, .. } if *moved == sku => match change {
                    Change::Reserve(n) => taken += n,
                    Change::Adjust(n) => taken -= n.min(&0),
                    Change::Consume(n) | Change::Release(n) => ended += n,
                    Change::Return(_) | Change::SetAvailable(_) => {}
                },
                _ => {}
            }
        }
        let available = before.on_hand - before.reserved;
        match taken > available {
            true => Shortage { sku, wanted: taken, available },
            false => Shortage { sku, wanted: ended, available: before.reserved },
        }
    }

    /// What a batch does against which nothing speaks; returns the stock that it moved.
    pub(super) fn apply(&mut self, batch: &Batch) -> BTreeMap<Uuid, Stock> {
        self.operations.insert(batch.operation, Some(batch.at));
        self.write_records(batch.writes.iter());
        let mut moved = BTreeSet::new();
        for write in &batch.writes {
            if let Write::OpenStock { sku, on_hand } = write {
                self.open_stock(*sku, *on_hand, batch.at);
                moved.insert(*sku);
            }
        }
        for write in &batch.writes {
            match write {
                Write::Move { sku, change, reference, reason } => {
                    self.shift(*sku, *change, *reference, reason, batch.at);
                    moved.insert(*sku);
                }
                Write::Append(event) => {
                    self.last_position += 1;
                    self.events.push((self.last_position, event.clone()));
                }
                _ => {}
            }
        }
        self.write_keys(batch);
        moved.into_iter().filter_map(|sku| Some((sku, self.stock(sku)?))).collect()
    }

    fn write_records<'a>(&mut self, writes: impl Iterator<Item = &'a Write>) {
        for write in writes {
            match write {
                Write::Insert(record) | Write::Replace { record, .. } => {
                    self.records.insert((record.keys.kind(), record.id), record.clone());
                }
                Write::Delete { id, was, .. } => {
                    self.records.remove(&(was.kind(), *id));
                }
                _ => {}
            }
        }
    }

    /// Claims, then answers, then frees.
    fn write_keys(&mut self, batch: &Batch) {
        for write in &batch.writes {
            if let Write::Claim { scope, entry, stock_of } = write {
                let stock = stock_of.and_then(|sku| self.stock(sku));
                self.keys.insert(scope.clone(), (batch.at, KeyEntry { stock, ..entry.clone() }));
            }
        }
        for write in &batch.writes {
            if let Write::Answer { scope, answer } = write
                && let Some((_, entry)) = self.keys.get_mut(scope)
                && entry.answer.is_none()
            {
                entry.answer = Some(answer.clone());
            }
        }
        for write in &batch.writes {
            if let Write::Free(scope) = write
                && self.keys.get(scope).is_some_and(|(_, entry)| entry.answer.is_none())
            {
                self.keys.remove(scope);
            }
        }
    }

    fn open_stock(&mut self, sku: Uuid, on_hand: i64, at: Timestamp) -> bool {
        if self.ledgers.contains_key(&sku) {
            return false;
        }
        let (kind, reserved, reference) = (MovementKind::Adjust, 0, None);
        let first = Movement { sku, kind, on_hand, reserved, reference, reason: FIRST_QUANTITY.into(), at };
        self.ledgers.insert(sku, vec![first]);
        true
    }

    /// Whether such a step was made for this reference before.
    fn has_moved(&self, sku: Uuid, step: u8, reference: Uuid) -> bool {
        let same = |m: &Movement| m.reference == Some(reference) && m.kind.step() == Some(step);
        self.ledgers.get(&sku).is_some_and(|ledger| ledger.iter().any(same))
    }

    /// Moves stock, unless it would leave `0 <= reserved <= on hand`.
    fn shift(
        &mut self,
        sku: Uuid,
        change: Change,
        reference: Option<Uuid>,
        reason: &str,
        at: Timestamp,
    ) -> bool {
        let Some(now) = self.stock(sku) else { return false };
        let (on_hand, reserved) = match change {
            Change::Reserve(n) => (0, n),
            Change::Consume(n) => (-n, -n),
            Change::Release(n) => (0, -n),
            Change::Return(n) | Change::Adjust(n) => (n, 0),
            Change::SetAvailable(n) => (n - (now.on_hand - now.reserved), 0),
        };
        let fits = 0 <= now.reserved + reserved && now.reserved + reserved <= now.on_hand + on_hand;
        if let Some(ledger) = self.ledgers.get_mut(&sku).filter(|_| fits) {
            let (kind, reason) = (MovementKind::of(change), reason.to_owned());
            ledger.push(Movement { sku, kind, on_hand, reserved, reference, reason, at });
        }
        fits
    }
}

/// The subject of an attempt that is open, and when it is due.
fn opened(record: &Record) -> Option<(Uuid, Timestamp)> {
    match record.keys {
        Keys::Attempt { subject, due, .. } => due.map(|due| (subject, due)),
        _ => None,
    }
}
