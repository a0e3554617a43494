//! What can be set about the sandbox.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use digota_core::port::Clock;

/// How the sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// Tells the time and lets it pass.
    pub clock: Arc<dyn Clock>,
    /// How long a request that moves money takes until it is answered.
    pub delay: Duration,
    /// The effect happens at a random moment of this span after the request came.
    pub effect_jitter: Duration,
    /// How long the card `slow` takes until it is answered.
    pub slow: Duration,
    /// How long after the request the effect of the card `late` happens.
    pub late: Duration,
    /// How long what is pending stays so.
    pub pending_for: Duration,
    /// How long the buyer has to pass a challenge.
    pub action_for: Duration,
    /// The share of requests that are lost without an effect: 0 to 1.
    pub lose_before: f64,
    /// The share of answers that are lost after the effect: 0 to 1.
    pub lose_after: f64,
    /// Where chance starts.
    pub seed: u64,
    /// The file that it keeps its record in; without one the record is gone with the process.
    pub journal: Option<PathBuf>,
    /// Whether an answer waits until the record is on the disk.
    pub fsync: bool,
    /// Where buyers' browsers reach it, `http://host:port`; without it, where it listens.
    pub public_url: Option<String>,
}

impl Options {
    /// Answers at once, loses nothing, keeps its record in memory.
    pub fn new(clock: Arc<dyn Clock>) -> Options {
        Options {
            clock,
            delay: Duration::ZERO,
            effect_jitter: Duration::ZERO,
            slow: Duration::from_secs(10),
            late: Duration::from_secs(2),
            pending_for: Duration::from_secs(2),
            action_for: Duration::from_secs(15 * 60),
            lose_before: 0.0,
            lose_after: 0.0,
            seed: 0,
            journal: None,
            fsync: true,
            public_url: None,
        }
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let share = |rate: f64| (0.0..=1.0).contains(&rate);
        (!share(self.lose_before) || !share(self.lose_after)).then_some("a share is a number from 0 to 1")
    }
}
