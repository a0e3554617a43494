//! Events, for those who follow.

use super::Shop;
use crate::error::Result;

impl Shop {
    /// The position of the last event; 0 if there is none.
    pub async fn last_event(&self) -> Result<u64> {
        Ok(self.store.last_position().await?)
    }
}
