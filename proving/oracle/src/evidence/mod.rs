//! What happened, from four sources.

pub mod history;
pub mod journal;

pub use digota_verify::books;

use books::{Books, Event};
use history::History;
use journal::Entry;

/// Everything that a verdict is based on.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What the clients asked for and were told.
    pub history: History,
    /// The gateway's own record, from its beginning.
    pub journal: Vec<Entry>,
    /// What the store holds.
    pub books: Books,
    /// What one who follows the events received, in that order, repetitions included.
    pub events: Vec<Event>,
}
