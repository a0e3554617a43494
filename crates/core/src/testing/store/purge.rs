//! Forgetting what is too old.

use uuid::Uuid;

use super::{Operation, State, due};
use crate::port::store::{Horizon, Kind};

/// Drops everything before the horizon at once; returns how many things.
pub(super) fn purge(state: &mut State, before: &Horizon) -> u64 {
    let size = |state: &State| state.operations.len() + state.keys.len() + state.events.len();
    let had = size(state);
    state.operations.retain(|_, operation| match operation {
        Operation::Committed(at) => *at >= before.operations,
        Operation::Never => true,
    });
    let records = &state.records;
    let open =
        |attempt: Uuid| records.get(&(Kind::Attempt, attempt)).is_some_and(|attempt| due(attempt).is_some());
    state.keys.retain(|_, claimed| claimed.at >= before.keys || claimed.entry.attempt.is_some_and(open));
    if let Some(horizon) = before.events {
        state.events.retain(|_, event| event.at >= horizon);
    }
    (had - size(state)) as u64
}
