//! Events, for those who follow.

use super::Shop;
use crate::error::{Error, Reason, Refused, Result};

impl Shop {
    /// The position of the last event; 0 if there is none.
    pub async fn last_event(&self) -> Result<u64> {
        Ok(self.store.last_position().await?)
    }

    /// Whether the events after this position can be followed without a gap.
    ///
    /// # Errors
    /// [`Error::Refused`] where the position was never given out, or the event after it is no longer kept.
    pub async fn check_position(&self, after: u64) -> Result<()> {
        let last = self.last_event().await?;
        let next = self.store.events(after, 1).await?.first().map(|(position, _)| *position);
        if after == last || (after < last && next == Some(after + 1)) {
            return Ok(());
        }
        Err(Error::Refused(Refused {
            reason: Reason::EventPosition,
            message: format!(
                "there are no events to follow from position {after} on; the last one is {last}"
            ),
            facts: vec![("last".into(), last.to_string())],
        }))
    }
}
