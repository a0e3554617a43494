//! Writes families of metrics.

use std::fmt;
use std::time::Duration;

use digota_core::meter::Spread;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// Names and values that tell the members of a family apart.
pub(super) type Labels = Vec<(&'static str, String)>;

/// Labels in one line.
pub(super) fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    pairs.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// Writes to a page.
pub(super) struct Pen<'a>(pub(super) DescriptorEncoder<'a>);

impl Pen<'_> {
    /// Numbers that only rise. `_total` is put behind their name.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, rows, |encoder, value| {
            encoder.encode_counter::<NoLabelSet, _, u64>(value, None::<&Exemplar<NoLabelSet, u64>>)
        })
    }

    /// Numbers that rise and fall.
    pub(super) fn gauges(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, i64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, rows, |encoder, value| encoder.encode_gauge(value))
    }

    /// How long things took: spreads of microseconds, written as seconds.
    pub(super) fn spans(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, Spread)>,
    ) -> fmt::Result {
        let seconds = |us: u64| Duration::from_micros(us).as_secs_f64();
        self.spreads(name, help, rows, seconds)
    }

    /// How many pieces there were of each size.
    pub(super) fn sizes(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, Spread)>,
    ) -> fmt::Result {
        let whole = |n: u64| n as f64;
        self.spreads(name, help, rows, whole)
    }

    fn spreads(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, Spread)>,
        value: impl Fn(u64) -> f64,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, rows, |encoder, spread: &Spread| {
            // What is larger than all bounds is in the total alone.
            let bounds = spread.bounds.iter().map(|bound| value(*bound));
            let buckets: Vec<(f64, u64)> = bounds.zip(spread.counts.iter().copied()).collect();
            encoder.encode_histogram::<NoLabelSet>(value(spread.sum), spread.total(), &buckets, None)
        })
    }

    fn family<T>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels, T)>,
        write: impl Fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in rows {
            match labels.is_empty() {
                true => write(&mut family, &value)?,
                false => write(&mut family.encode_family(&labels)?, &value)?,
            }
        }
        Ok(())
    }
}
