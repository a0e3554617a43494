//! A batch: judged whole, then applied.

use uuid::Uuid;

use super::records::Changes;
use super::stock::Ledger;
use super::{Operation, State, keys, records, refuse, stock};
use crate::event::Event;
use crate::port::store::{Batch, CommitError, Committed, Refusal, Write};

/// Commits a batch or leaves the state as it was.
pub(super) fn commit(state: &mut State, batch: Batch) -> Result<Committed, CommitError> {
    if state.operations.contains_key(&batch.operation) {
        return refuse(Refusal::OperationUsed);
    }
    keys::judge(state, &batch)?;
    let changes = records::judge(state, &batch)?;
    let ledger = stock::judge(state, &batch)?;
    Ok(apply(state, batch, changes, ledger))
}

fn apply(state: &mut State, batch: Batch, changes: Changes, ledger: Ledger) -> Committed {
    let moved: Vec<(Uuid, crate::stock::Stock)> =
        ledger.stock.iter().map(|(sku, stock)| (*sku, *stock)).collect();
    state.operations.insert(batch.operation, Operation::Committed(batch.at));
    changes.apply(state);
    ledger.apply(state);
    keys::apply(state, &batch);
    for write in batch.writes {
        if let Write::Append(event) = write {
            append(state, event);
        }
    }
    Committed { stock: moved }
}

fn append(state: &mut State, event: Event) {
    state.position += 1;
    state.events.insert(state.position, event);
}
