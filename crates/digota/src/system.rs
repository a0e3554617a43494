//! Time and ids of the real world.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use digota_core::port::{Clock, Ids};
use digota_core::time::Timestamp;
use uuid::Uuid;

/// The machine's clock.
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Random ids of version 7.
pub(crate) struct RandomIds;

impl Ids for RandomIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let ms = u64::try_from(now.0 / 1000).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(ms, &rand::random()).into_uuid()
    }
}
