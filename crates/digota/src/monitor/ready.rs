//! Whether calls can be served now: the store can be read, and the lock service answers.

use std::time::Duration;

use digota_core::Error;
use digota_core::shop::Shop;

/// How long store and lock may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns if so, else why not.
pub(super) async fn check(shop: &Shop) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, shop.reachable()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Error::Unavailable { what, cause, .. })) => Err(format!("{what} is unavailable: {cause}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("storage or lock did not answer in {} s", PATIENCE.as_secs())),
    }
}
