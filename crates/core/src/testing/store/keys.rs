//! What a batch does to idempotency keys, and whether it may.

use std::collections::BTreeSet;

use super::{Claimed, State, refuse};
use crate::port::store::{Batch, CommitError, KeyEntry, KeyScope, Refusal, Write};

/// Refuses the claim of a key that is taken.
pub(super) fn judge(state: &State, batch: &Batch) -> Result<(), CommitError> {
    let mut claimed = BTreeSet::new();
    for write in &batch.writes {
        let Write::Claim { scope, .. } = write else { continue };
        if state.keys.contains_key(scope) || !claimed.insert(scope) {
            return refuse(Refusal::KeyTaken);
        }
    }
    Ok(())
}

/// Claims first, then answers, then frees, whatever their order in the batch. Stock must have moved before.
pub(super) fn apply(state: &mut State, batch: &Batch) {
    for write in &batch.writes {
        if let Write::Claim { scope, entry, stock_of } = write {
            let stock = stock_of.and_then(|sku| state.stock.get(&sku).copied());
            let entry = KeyEntry { stock, ..entry.clone() };
            state.keys.insert(scope.clone(), Claimed { at: batch.at, entry });
        }
    }
    for write in &batch.writes {
        if let Write::Answer { scope, answer } = write {
            settle(state, scope, answer);
        }
    }
    for write in &batch.writes {
        if let Write::Free(scope) = write {
            free(state, scope);
        }
    }
}

/// The first answer stays: it was given for good.
fn settle(state: &mut State, scope: &KeyScope, answer: &str) {
    if let Some(claimed) = state.keys.get_mut(scope) {
        claimed.entry.answer.get_or_insert_with(|| answer.to_owned());
    }
}

/// An answered key stays: what was tried had its effect.
fn free(state: &mut State, scope: &KeyScope) {
    if state.keys.get(scope).is_some_and(|claimed| claimed.entry.answer.is_none()) {
        state.keys.remove(scope);
    }
}
