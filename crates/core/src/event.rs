//! What happened, for those who follow: one event per version of a product, SKU, order or charge.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::port::store::Kind;
use crate::time::Timestamp;

/// A change that was committed. It is appended in the commit of the change itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its identity, for consumers that must see it once.
    pub id: Uuid,
    /// What happened: `order.paid`.
    pub name: String,
    /// The kind of thing it happened to.
    pub kind: Kind,
    /// Which one.
    pub object: Uuid,
    /// The version that it has since.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// A summary, JSON, without secrets.
    pub body: String,
}
