//! Numbers that are counted while others work: atomics, so that nobody waits, and read by whoever wants to know.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds for how long something took, in microseconds: half a millisecond to half a minute.
pub const SPANS_US: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// How values are spread: how many are at most as large as each bound.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last is for what is larger than all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it was at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The bounds, rising.
    pub bounds: &'static [u64],
    /// How many values there were between a bound and the one before; the last is for what is larger than all.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// An empty one with these bounds, rising.
    pub fn new(bounds: &'static [u64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn count(&self, value: u64) {
        let at = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a span of time, in microseconds.
    pub fn count_span(&self, span: std::time::Duration) {
        self.count(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// How it is now.
    pub fn read(&self) -> Spread {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Spread { bounds: self.bounds, counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

impl Spread {
    /// How many values there were.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_at_the_first_bound_that_holds_them() {
        let histogram = Histogram::new(&[1, 10, 100]);
        for value in [0, 1, 2, 10, 11, 100, 101, 5000] {
            histogram.count(value);
        }
        let read = histogram.read();
        assert_eq!((read.counts.as_slice(), read.sum), (&[2, 2, 2, 2][..], 5225));
        assert_eq!(read.total(), 8);
    }

    #[test]
    fn spans_are_counted_in_microseconds() {
        let histogram = Histogram::new(SPANS_US);
        histogram.count_span(std::time::Duration::from_millis(3));
        assert_eq!((histogram.read().counts[3], histogram.read().sum), (1, 3000));
        assert!(SPANS_US.is_sorted());
    }
}
