//! What an operator does beside serving.
//!
//! - [`payments`]: looks after payments, by asking the running node. `reach` is the way to it.
//! - [`backup`], [`verify`], [`migrate`]: copies the data, judges it, brings it to this schema, by reading the `storage` itself.

pub(crate) mod backup;
pub(crate) mod migrate;
pub(crate) mod payments;
mod reach;
mod storage;
mod table;
pub(crate) mod verify;
