//! What happened, from three sources that do not know of each other; the store's own list of events is the fourth.

pub(crate) mod books;
pub(crate) mod history;
pub(crate) mod journal;

use books::Books;
use history::History;
use journal::Entry;

/// Everything that a verdict is based on.
pub(crate) struct Evidence {
    /// What the clients asked for and were told.
    pub(crate) history: History,
    /// The gateway's own record.
    pub(crate) journal: Vec<Entry>,
    /// What the store holds, events included.
    pub(crate) books: Books,
}
