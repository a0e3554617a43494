//! The result of a run.
#![expect(clippy::float_arithmetic, reason = "a rate is a measurement, not money")]

use std::time::Duration;

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use serde::Serialize;

/// What one run showed. Times are of single calls.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) flow: &'static str,
    pub(crate) concurrency: usize,
    /// How long calls were counted.
    pub(crate) seconds: f64,
    /// Calls that were answered in that time.
    pub(crate) calls: u64,
    /// Calls that failed, at any time.
    pub(crate) errors: u64,
    /// What the first of them said.
    pub(crate) first_error: Option<String>,
    /// Calls answered per second.
    pub(crate) rps: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    /// The mean size of a request's message.
    pub(crate) request_bytes: u64,
    /// The mean size of an answer's message.
    pub(crate) reply_bytes: u64,
}

/// What one worker, or all of them, counted.
pub(crate) struct Count {
    latencies_us: Histogram<u64>,
    request_bytes: u64,
    reply_bytes: u64,
    errors: u64,
    first_error: Option<String>,
}

impl Count {
    pub(crate) fn new() -> Self {
        let latencies_us = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are sensible");
        Self { latencies_us, request_bytes: 0, reply_bytes: 0, errors: 0, first_error: None }
    }

    /// Counts an answer.
    pub(crate) fn answered(&mut self, latency: Duration, request_bytes: usize, reply_bytes: usize) {
        self.latencies_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        self.request_bytes += request_bytes as u64;
        self.reply_bytes += reply_bytes as u64;
    }

    /// Counts a failure.
    pub(crate) fn failed(&mut self, error: String) {
        self.errors += 1;
        self.first_error.get_or_insert(error);
    }

    /// Adds what another worker counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies_us.add(&other.latencies_us).expect("all have the same bounds");
        self.request_bytes += other.request_bytes;
        self.reply_bytes += other.reply_bytes;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    /// The row of a run that counted for `time`.
    pub(crate) fn row(self, flow: &'static str, concurrency: usize, time: Duration) -> Row {
        let calls = self.latencies_us.len();
        Row {
            flow,
            concurrency,
            seconds: time.as_secs_f64(),
            calls,
            errors: self.errors,
            first_error: self.first_error,
            rps: calls as f64 / time.as_secs_f64(),
            mean_us: self.latencies_us.mean(),
            p50_us: self.latencies_us.value_at_quantile(0.5),
            p99_us: self.latencies_us.value_at_quantile(0.99),
            p999_us: self.latencies_us.value_at_quantile(0.999),
            request_bytes: self.request_bytes.checked_div(calls).unwrap_or(0),
            reply_bytes: self.reply_bytes.checked_div(calls).unwrap_or(0),
        }
    }
}

impl Row {
    /// Refuses a run that says nothing: one with failures, or without an answer.
    pub(crate) fn judge(&self) -> Result<()> {
        if let Some(error) = &self.first_error {
            bail!("{} calls failed, the first with: {error}", self.errors);
        }
        if self.calls == 0 {
            bail!("no call was answered in time");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up() {
        let (mut all, mut other) = (Count::new(), Count::new());
        all.answered(Duration::from_micros(100), 10, 100);
        other.answered(Duration::from_micros(300), 30, 300);
        other.failed("no".to_owned());
        all.add(other);
        let row = all.row("sku-get", 2, Duration::from_millis(500));
        assert_eq!((row.calls, row.errors, row.p50_us, row.p999_us), (2, 1, 100, 300));
        assert_eq!((row.request_bytes, row.reply_bytes), (20, 200));
        assert!((row.rps - 4.0).abs() < 1e-9);
        assert!(row.judge().is_err());
    }

    #[test]
    fn a_run_without_an_answer_is_no_result() {
        assert!(Count::new().row("bare", 1, Duration::from_secs(1)).judge().is_err());
    }
}
