//! How busy a store is, for the operator.

use crate::meter::Spread;

/// How busy a store is, as far as it knows; nothing where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Writes that wait for their turn.
    pub writes_waiting: u64,
    /// Reads that wait for their turn.
    pub reads_waiting: u64,
    /// How many writes were committed together.
    pub group_sizes: Spread,
    /// How long each such commit took, in microseconds.
    pub commit_us: Spread,
}
