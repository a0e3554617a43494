//! A node's clock: it may be wrong and may jump, but what it lets pass has passed.

use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Clock;
use digota_core::time::Timestamp;

use super::Line;
use crate::stage::Step;
use crate::world::Micros;

/// The clock at the end of a line.
pub struct NodeClock(pub(crate) Line);

#[async_trait]
impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        self.0.stage.clock_of(self.0.place)
    }

    async fn sleep(&self, span: Duration) {
        let call = self.0.begin(Step::Sleep).await;
        let span = Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX);
        self.0.world().letter(self.0.process, span, ()).await;
        self.0.end(Step::Sleep, call).await;
    }
}
