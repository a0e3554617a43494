//! What a group's batches find, and what the ones before them in the group have made of it.

use std::collections::{BTreeMap, BTreeSet};

use digota_core::event::Event;
use digota_core::port::store::{Batch, KeyEntry, KeyScope, Keys, Kind, Record, Refusal, StoreError, Write};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

use crate::counter::Counter;
use crate::ledger::{Books, Ledger};

/// Why a batch changes nothing.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A precondition failed.
    Refused(Refusal),
    /// It makes no sense.
    Failed(StoreError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Failed(error)
    }
}

/// Everything that a group's batches speak of: locked in the database, changed here, written at the end, each row once.
#[derive(Default)]
pub(super) struct State<'a> {
    /// Operations used before the group or in it.
    pub(super) used: BTreeSet<Uuid>,
    pub(super) operations: Vec<(Uuid, Timestamp)>,
    pub(super) records: BTreeMap<(Kind, Uuid), Slot<'a>>,
    pub(super) stock: BTreeMap<Uuid, Shelf>,
    /// What happened once per (reference, SKU, step).
    pub(super) steps: BTreeSet<(Uuid, Uuid, u8)>,
    pub(super) movements: Vec<(u64, Movement)>,
    /// The open attempt of each subject.
    pub(super) open: BTreeMap<Uuid, Uuid>,
    pub(super) keys: BTreeMap<KeyScope, Key>,
    pub(super) events: Vec<&'a Event>,
    pub(super) counters: BTreeMap<Counter, i64>,
    /// SKUs of the products that must have none: how many were seen, of how many, and how many the group has added since.
    pub(super) children: BTreeMap<Uuid, Children>,
}

/// A record's row.
#[derive(Default)]
pub(super) struct Slot<'a> {
    /// Whether the database has it.
    pub(super) is_stored: bool,
    /// Version and keys, if it is there now.
    pub(super) head: Option<(u64, Keys)>,
    /// What to write, if the group has changed it and not removed it.
    pub(super) write: Option<&'a Record>,
    /// Whether the group has removed or replaced what is stored.
    pub(super) is_changed: bool,
}

/// A stock's row.
#[derive(Default)]
pub(super) struct Shelf {
    /// Whether the database has it.
    pub(super) is_stored: bool,
    pub(super) now: Option<Stock>,
    pub(super) is_changed: bool,
}

/// A key's row.
#[derive(Default)]
pub(super) struct Key {
    /// Whether the database has it.
    pub(super) is_stored: bool,
    pub(super) now: KeyState,
}

/// What became of a key.
#[derive(Default)]
pub(super) enum KeyState {
    /// Nobody has it.
    #[default]
    Free,
    /// As it is stored.
    Stored { is_answered: bool },
    /// It is stored, and was answered by the group.
    Answered(String),
    /// Claimed by the group.
    Claimed(KeyEntry, Timestamp),
}

/// The SKUs of a product.
#[derive(Default)]
pub(super) struct Children {
    /// How many rows there are, counted no further than one more than the group removes.
    pub(super) seen: i64,
    /// How many there are as the counters say, for the message.
    pub(super) total: i64,
    /// How many more there are since.
    pub(super) change: i64,
}

impl Books for State<'_> {
    type Fault = Fault;

    fn stock(&self, sku: Uuid) -> Result<Option<Stock>, Fault> {
        Ok(self.stock.get(&sku).and_then(|shelf| shelf.now))
    }

    fn was_taken(&self, reference: Uuid, sku: Uuid, step: u8) -> Result<bool, Fault> {
        Ok(self.steps.contains(&(reference, sku, step)))
    }
}

impl<'a> State<'a> {
    /// Applies a batch that was judged. Nothing can fail any more.
    pub(super) fn apply(&mut self, batch: &'a Batch, ledger: &Ledger) {
        self.used.insert(batch.operation);
        self.operations.push((batch.operation, batch.at));
        for (sku, stock) in &ledger.stock {
            let shelf = self.stock.entry(*sku).or_default();
            (shelf.now, shelf.is_changed) = (Some(*stock), true);
        }
        for (number, movement) in &ledger.movements {
            if let (Some(reference), Some(step)) = (movement.reference, movement.kind.step()) {
                self.steps.insert((reference, movement.sku, step));
            }
            self.movements.push((*number, movement.clone()));
        }
        // An attempt is closed before the next one is opened, a key claimed before it is answered and freed.
        let removals = batch.writes.iter().filter_map(removal);
        removals.for_each(|(kind, id, was)| self.remove(kind, id, was));
        for write in &batch.writes {
            match write {
                Write::Insert(record) | Write::Replace { record, .. } => self.put(record),
                Write::Append(event) => self.events.push(event),
                Write::Claim { scope, entry, stock_of } => {
                    let stock = stock_of.and_then(|sku| self.stock.get(&sku)).and_then(|shelf| shelf.now);
                    let entry = KeyEntry { stock, ..entry.clone() };
                    self.keys.entry(scope.clone()).or_default().now = KeyState::Claimed(entry, batch.at);
                }
                _ => {}
            }
        }
        for write in &batch.writes {
            if let Write::Answer { scope, answer } = write {
                self.answer(scope, answer);
            }
        }
        for write in &batch.writes {
            if let Write::Free(scope) = write {
                self.free(scope);
            }
        }
    }

    fn remove(&mut self, kind: Kind, id: Uuid, was: &Keys) {
        Counter::of(was).for_each(|counter| *self.counters.entry(counter).or_default() -= 1);
        if let Keys::Sku { parent, .. } = was {
            self.children.entry(*parent).or_default().change -= 1;
        }
        if let Keys::Attempt { subject, due: Some(_), .. } = was {
            self.open.remove(subject);
        }
        let slot = self.records.entry((kind, id)).or_default();
        (slot.head, slot.write, slot.is_changed) = (None, None, true);
    }

    fn put(&mut self, record: &'a Record) {
        let (kind, keys) = (record.keys.kind(), &record.keys);
        Counter::of(keys).for_each(|counter| *self.counters.entry(counter).or_default() += 1);
        if let Keys::Sku { parent, .. } = keys {
            self.children.entry(*parent).or_default().change += 1;
        }
        if let Keys::Attempt { subject, due: Some(_), .. } = keys {
            self.open.insert(*subject, record.id);
        }
        let slot = self.records.entry((kind, record.id)).or_default();
        (slot.head, slot.write) = (Some((record.version, keys.clone())), Some(record));
    }

    /// An answer is final: a second one changes nothing.
    fn answer(&mut self, scope: &KeyScope, answer: &str) {
        let Some(key) = self.keys.get_mut(scope) else { return };
        match &mut key.now {
            KeyState::Claimed(entry, _) => _ = entry.answer.get_or_insert_with(|| answer.to_owned()),
            KeyState::Stored { is_answered: false } => key.now = KeyState::Answered(answer.to_owned()),
            KeyState::Free | KeyState::Stored { .. } | KeyState::Answered(_) => {}
        }
    }

    /// A key that is answered stays taken.
    fn free(&mut self, scope: &KeyScope) {
        let Some(key) = self.keys.get_mut(scope) else { return };
        let is_open = match &key.now {
            KeyState::Claimed(entry, _) => entry.answer.is_none(),
            KeyState::Stored { is_answered } => !is_answered,
            KeyState::Free | KeyState::Answered(_) => false,
        };
        if is_open {
            key.now = KeyState::Free;
        }
    }
}

fn removal(write: &Write) -> Option<(Kind, Uuid, &Keys)> {
    match write {
        Write::Replace { record, was } => Some((was.kind(), record.id, was)),
        Write::Delete { id, was, .. } => Some((was.kind(), *id, was)),
        _ => None,
    }
}
