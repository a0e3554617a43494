//! Luck that repeats itself.

use std::sync::atomic::{AtomicU64, Ordering};

use digota_core::testing::chance::scatter;

/// The same numbers for the same seed. Without a seed: always 0.
#[derive(Default)]
pub(crate) struct Dice(Option<AtomicU64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(Some(AtomicU64::new(seed)))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        let Some(state) = &self.0 else { return 0 };
        scatter(state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)) % sides
    }

    /// Lets others run first, some times.
    pub(crate) async fn dawdle(&self) {
        for _ in 0..self.roll(4) {
            tokio::task::yield_now().await;
        }
    }
}
