//! A lock that lets one in after the other, and never gives up waiting unless told to refuse.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};

type Names = BTreeMap<String, Arc<tokio::sync::Mutex<()>>>;

/// Waiters are let in in order.
#[derive(Default)]
pub(crate) struct Turns {
    names: Mutex<Names>,
    fence: AtomicU64,
    refusal: Mutex<Option<LockError>>,
}

impl Turns {
    /// Refuses everybody from now on, or nobody.
    pub(crate) fn refuse(&self, refusal: Option<LockError>) {
        *self.refusal.lock().unwrap() = refusal;
    }
}

#[async_trait]
impl Lock for Turns {
    async fn acquire(&self, name: &str, _: Duration) -> Result<Box<dyn Lease>, LockError> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        let mutex = self.names.lock().unwrap().entry(name.to_owned()).or_default().clone();
        let guard = mutex.lock_owned().await;
        Ok(Box::new(Turn { fence: 1 + self.fence.fetch_add(1, Ordering::SeqCst), _guard: guard }))
    }
}

struct Turn {
    fence: u64,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

#[async_trait]
impl Lease for Turn {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn is_held(&self) -> bool {
        true
    }

    async fn release(self: Box<Self>) {}
}
