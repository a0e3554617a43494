//! What a batch does to stock, and whether it may.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{State, broken, refuse};
use crate::port::store::{Batch, Change, CommitError, Kind, Refusal, Write};
use crate::stock::{FIRST_QUANTITY, Movement, MovementKind, Shortage, Stock};

/// The stock of each SKU touched as it will be, and the movements that make it so.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) stock: BTreeMap<Uuid, Stock>,
    movements: Vec<Movement>,
    steps: BTreeSet<(Uuid, Uuid, u8)>,
    /// SKUs of which a guard forbade something.
    short: BTreeSet<Uuid>,
}

/// What a batch makes of the stock. Movements of one SKU follow each other in the order of the batch.
pub(super) fn judge(state: &State, batch: &Batch) -> Result<Ledger, CommitError> {
    let mut ledger = Ledger::default();
    for write in &batch.writes {
        if let Write::OpenStock { sku, on_hand } = write {
            ledger.open(state, batch, *sku, *on_hand)?;
        }
    }
    for write in &batch.writes {
        if let Write::Move { sku, change, reference, reason } = write {
            ledger.once(state, *sku, *change, *reference)?;
            ledger.shift(state, batch, *sku, *change, *reference, reason)?;
        }
    }
    let shortages = ledger.short.iter().map(|sku| shortage(state, batch, *sku));
    match shortages.collect::<Option<Vec<Shortage>>>() {
        None => broken("stock would leave its bounds"),
        Some(shortages) if shortages.is_empty() => Ok(ledger),
        Some(shortages) => refuse(Refusal::OutOfStock(shortages)),
    }
}

impl Ledger {
    /// Makes the movements.
    pub(super) fn apply(self, state: &mut State) {
        state.stock.extend(self.stock);
        state.steps.extend(self.steps);
        for movement in self.movements {
            state.movements.entry(movement.sku).or_default().push(movement);
        }
    }

    fn open(&mut self, state: &State, batch: &Batch, sku: Uuid, on_hand: i64) -> Result<(), CommitError> {
        if state.stock.contains_key(&sku) || self.stock.contains_key(&sku) {
            return refuse(Refusal::Exists { kind: Kind::Sku, id: sku });
        }
        self.stock.insert(sku, Stock::default());
        self.shift(state, batch, sku, Change::Adjust(on_hand), None, FIRST_QUANTITY)?;
        match self.short.is_empty() {
            true => Ok(()),
            false => broken("the first quantity is out of bounds"),
        }
    }

    /// Refuses what happened before for the same reference.
    fn once(
        &mut self,
        state: &State,
        sku: Uuid,
        change: Change,
        reference: Option<Uuid>,
    ) -> Result<(), CommitError> {
        let (Some(reference), Some(step)) = (reference, MovementKind::of(change).step()) else {
            return Ok(());
        };
        let key = (reference, sku, step);
        match state.steps.contains(&key) || !self.steps.insert(key) {
            true => refuse(Refusal::MovedAlready { sku, reference }),
            false => Ok(()),
        }
    }

    fn shift(
        &mut self,
        state: &State,
        batch: &Batch,
        sku: Uuid,
        change: Change,
        reference: Option<Uuid>,
        reason: &str,
    ) -> Result<(), CommitError> {
        let Some(stock) = self.stock.get(&sku).or_else(|| state.stock.get(&sku)) else {
            return refuse(Refusal::Missing { kind: Kind::Sku, id: sku });
        };
        let Some((next, on_hand, reserved)) = stock.moved(change) else {
            self.short.insert(sku);
            return Ok(());
        };
        self.stock.insert(sku, next);
        let (kind, reason, at) = (MovementKind::of(change), reason.to_owned(), batch.at);
        self.movements.push(Movement { sku, kind, on_hand, reserved, reference, reason, at });
        Ok(())
    }
}

/// How much of a SKU a batch asks for, all its movements together, and how much there was before it.
///
/// Where more is consumed or released than is reserved, no refusal fits better: what is reserved is then what there is.
/// `None` where it is no shortage: more stock than can be counted, or a quantity below zero.
fn shortage(state: &State, batch: &Batch, sku: Uuid) -> Option<Shortage> {
    let before = state.stock.get(&sku).copied().unwrap_or_default();
    let changes = batch.writes.iter().filter_map(|write| match write {
        Write::Move { sku: moved, change, .. } if *moved == sku => Some(*change),
        _ => None,
    });
    let (mut taken, mut ended) = (0i64, 0i64);
    for change in changes {
        match change {
            Change::Reserve(n) => taken = taken.saturating_add(n),
            Change::Adjust(n) => taken = taken.saturating_sub(n.min(0)),
            Change::Consume(n) | Change::Release(n) => ended = ended.saturating_add(n),
            Change::Return(_) | Change::SetAvailable(_) => {}
        }
    }
    let short = |wanted, available| (wanted > available).then_some(Shortage { sku, wanted, available });
    short(taken, before.available()).or_else(|| short(ended, before.reserved))
}
