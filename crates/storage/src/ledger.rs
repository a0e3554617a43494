//! What a batch does to stock: judged in memory, so that a refusal names every SKU that is short.

use std::collections::{BTreeMap, BTreeSet};

use digota_core::port::store::{Batch, Change, Kind, Refusal, StoreError, Write};
use digota_core::stock::{FIRST_QUANTITY, Movement, MovementKind, Shortage, Stock};
use uuid::Uuid;

/// Where a batch finds the stock before it.
pub(crate) trait Books {
    /// Why it can't be said, or why a batch is refused.
    type Fault: From<Refusal> + From<StoreError>;

    /// The stock of a SKU after the batches before.
    fn stock(&self, sku: Uuid) -> Result<Option<Stock>, Self::Fault>;

    /// Whether a reference has taken a step before; may say no where the database itself will refuse it.
    fn was_taken(&self, reference: Uuid, sku: Uuid, step: u8) -> Result<bool, Self::Fault>;
}

/// The movements of a batch, each with its number, and the stock after them.
pub(crate) struct Ledger {
    pub(crate) movements: Vec<(u64, Movement)>,
    pub(crate) stock: Vec<(Uuid, Stock)>,
}

/// Judges the movements of a batch. First quantities come first, whatever the order of the writes.
pub(crate) fn plan<B: Books>(books: &B, batch: &Batch) -> Result<Ledger, B::Fault> {
    let mut draft = Draft { books, batch, lines: BTreeMap::new(), movements: vec![], steps: BTreeSet::new() };
    for write in &batch.writes {
        if let Write::OpenStock { sku, on_hand } = *write {
            draft.open(sku, on_hand)?;
        }
    }
    for write in &batch.writes {
        if let Write::Move { sku, change, reference, ref reason } = *write {
            draft.shift(sku, change, reference, reason)?;
        }
    }
    draft.finish()
}

struct Draft<'a, B> {
    books: &'a B,
    batch: &'a Batch,
    lines: BTreeMap<Uuid, Line>,
    movements: Vec<(u64, Movement)>,
    steps: BTreeSet<(Uuid, Uuid, u8)>,
}

/// What a batch does to one stock.
#[derive(Default)]
struct Line {
    before: Stock,
    now: Stock,
    /// How many are asked for of what is available.
    taken: i64,
    /// How many are asked for of what is reserved.
    ended: i64,
    is_short: bool,
}

impl Line {
    fn want(&mut self, change: Change) {
        match change {
            Change::Reserve(n) => self.taken = self.taken.saturating_add(n),
            Change::Adjust(n) => self.taken = self.taken.saturating_sub(n.min(0)),
            Change::Consume(n) | Change::Release(n) => self.ended = self.ended.saturating_add(n),
            Change::Return(_) | Change::SetAvailable(_) => {}
        }
    }

    /// Why the guard said no; `None` where it is no shortage but a quantity that makes no sense.
    fn shortage(&self, sku: Uuid) -> Option<Shortage> {
        let sides = [(self.taken, self.before.available()), (self.ended, self.before.reserved)];
        let (wanted, available) = sides.into_iter().find(|(wanted, available)| wanted > available)?;
        Some(Shortage { sku, wanted, available })
    }
}

impl<B: Books> Draft<'_, B> {
    fn open(&mut self, sku: Uuid, on_hand: i64) -> Result<(), B::Fault> {
        if self.lines.contains_key(&sku) || self.books.stock(sku)?.is_some() {
            return Err(Refusal::Exists { kind: Kind::Sku, id: sku }.into());
        }
        self.lines.insert(sku, Line::default());
        self.shift(sku, Change::Adjust(on_hand), None, FIRST_QUANTITY)
    }

    fn shift(
        &mut self,
        sku: Uuid,
        change: Change,
        reference: Option<Uuid>,
        reason: &str,
    ) -> Result<(), B::Fault> {
        if !self.lines.contains_key(&sku) {
            let before = self.books.stock(sku)?.ok_or(Refusal::Missing { kind: Kind::Sku, id: sku })?;
            self.lines.insert(sku, Line { before, now: before, ..Line::default() });
        }
        let kind = MovementKind::of(change);
        if let (Some(reference), Some(step)) = (reference, kind.step()) {
            self.take_step(reference, sku, step)?;
        }
        let line = self.lines.get_mut(&sku).expect("inserted above");
        line.want(change);
        let Some((after, on_hand, reserved)) = line.now.moved(change) else {
            line.is_short = true;
            return Ok(());
        };
        line.now = after;
        let (reason, at) = (reason.to_owned(), self.batch.at);
        let movement = Movement { sku, kind, on_hand, reserved, reference, reason, at };
        self.movements.push((after.version, movement));
        Ok(())
    }

    /// Refuses a step that its reference has taken before.
    fn take_step(&mut self, reference: Uuid, sku: Uuid, step: u8) -> Result<(), B::Fault> {
        let is_new = self.steps.insert((reference, sku, step));
        if !is_new || self.books.was_taken(reference, sku, step)? {
            return Err(Refusal::MovedAlready { sku, reference }.into());
        }
        Ok(())
    }

    fn finish(self) -> Result<Ledger, B::Fault> {
        let short = self.lines.iter().filter(|(_, line)| line.is_short);
        let shortages: Option<Vec<_>> = short.map(|(&sku, line)| line.shortage(sku)).collect();
        match shortages {
            None => Err(StoreError::Broken("stock would leave its bounds".into()).into()),
            Some(shortages) if !shortages.is_empty() => Err(Refusal::OutOfStock(shortages).into()),
            Some(_) => {
                let stock = self.lines.into_iter().map(|(sku, line)| (sku, line.now)).collect();
                Ok(Ledger { movements: self.movements, stock })
            }
        }
    }
}
