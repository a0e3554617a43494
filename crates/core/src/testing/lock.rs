//! A lock that is none: for proofs that the shop is right without one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::port::Lock;
use crate::port::lock::{Lease, LockError};

/// Grants every name to everybody at once. Breaks its port on purpose: only the fences rise.
#[derive(Debug, Default)]
pub struct AlwaysYes {
    granted: AtomicU64,
}

#[async_trait]
impl Lock for AlwaysYes {
    async fn acquire(&self, _name: &str, _wait: Duration) -> Result<Box<dyn Lease>, LockError> {
        Ok(Box::new(Yes { fence: 1 + self.granted.fetch_add(1, Ordering::Relaxed) }))
    }
}

struct Yes {
    fence: u64,
}

#[async_trait]
impl Lease for Yes {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn release(self: Box<Self>) {}
}
