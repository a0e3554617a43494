//! Time and identity, as ports: a simulation owns both.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::time::Timestamp;

/// Tells the time and lets it pass.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now. May jump; durations are only ever compared, never trusted across nodes.
    fn now(&self) -> Timestamp;

    /// Returns after at least this long.
    async fn sleep(&self, span: Duration);
}

/// Mints identities.
pub trait Ids: Send + Sync {
    /// A UUID never minted before; version 7 of `now`, so that new records land side by side.
    fn next(&self, now: Timestamp) -> Uuid;
}
