//! Mistakes of whoever tells the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Clock;
use digota_core::time::Timestamp;

use super::twist::Twist;

/// Looks at the clock when the store is called, and takes that for the time until the next call. Who is stopped in between does
/// not notice.
pub(super) struct Glance {
    clock: Arc<dyn Clock>,
    seen: AtomicI64,
}

/// The glance as the store's twist and as the clock.
pub(super) struct Shared(pub(super) Arc<Glance>);

impl Glance {
    pub(super) fn at(clock: Arc<dyn Clock>) -> Arc<Glance> {
        let seen = AtomicI64::new(clock.now().0);
        Arc::new(Glance { clock, seen })
    }
}

impl Twist for Shared {
    fn called(&self) {
        self.0.seen.store(self.0.clock.now().0, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Shared {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.seen.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Duration) {
        self.0.clock.sleep(span).await;
    }
}
