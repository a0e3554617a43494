//! Luck that repeats itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// The same numbers for the same seed (splitmix64). Without a seed: always 0.
#[derive(Default)]
pub(crate) struct Dice(Option<AtomicU64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(Some(AtomicU64::new(seed)))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        let Some(state) = &self.0 else { return 0 };
        let z = state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    /// Lets others run first, some times.
    pub(crate) async fn dawdle(&self) {
        for _ in 0..self.roll(4) {
            tokio::task::yield_now().await;
        }
    }
}
