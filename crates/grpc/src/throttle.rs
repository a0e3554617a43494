//! Lines in the log that others can cause at will: a few a second, and how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many lines a second are written.
const PER_SECOND: u32 = 20;

/// Lets through so many lines a second.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    second: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Throttle {
    /// Whether a line may be written, and how many were left out since the last one.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.second.is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1)) {
            (state.second, state.written) = (Some(now), 0);
        }
        if state.written >= PER_SECOND {
            state.left_out += 1;
            return None;
        }
        state.written += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let written = (0..1000).filter(|_| throttle.admit_at(start).is_some()).count();
        assert_eq!(written, 20);
        let later = start + Duration::from_secs(1);
        assert_eq!(throttle.admit_at(later), Some(980));
        assert_eq!(throttle.admit_at(later), Some(0));
    }
}
