//! The results, as a table for people and as JSON for machines.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::Pair;
use super::pgbench;
use super::plan::{Baseline, Plan, Storage};

/// All rows of a measurement.
#[derive(Serialize)]
pub(super) struct Report {
    profile: &'static str,
    cores: usize,
    pub(super) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(super) missing: BTreeSet<String>,
    /// What to know about the figures.
    pub(super) notes: Vec<String>,
}

const NOTES: &[&str] = &[
    "ratio: share of a bare tonic call of the same sizes in the same round; of concurrency / gateway latency where there is no bare rate",
    "group: batches committed together on the average, over the server's whole life: orders made for a flow that pays them count too",
];

/// What others may use of the machine without spoiling the measurement, in percent.
const QUIET_PERCENT: u64 = 10;

/// The medians of a row's rounds.
#[derive(Serialize)]
pub(super) struct Row {
    flow: &'static str,
    storage: Storage,
    concurrency: u32,
    gateway_ms: u32,
    rps: f64,
    bare_rps: Option<f64>,
    /// Transactions per second of pgbench.
    pgbench_tps: Option<f64>,
    ratio: f64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    /// Batches that the storage commits together, on the average.
    pub(super) mean_group: Option<f64>,
    floor: f64,
    goal: f64,
    /// Whether the ratio reaches the floor.
    pub(super) holds: bool,
    /// The largest share of the machine, in percent, that was busy with something else just before a round.
    others_percent: Option<u64>,
    /// The ratio of each round.
    ratios: Vec<f64>,
}

impl Report {
    pub(super) fn new(profile: &'static str) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let pgbench = format!(
            "pgbench: transactions per second of the same statements on the same server, a transaction for each call, \
             {} clients, {} threads; no gRPC, TLS, checks or JSON",
            pgbench::CLIENTS,
            pgbench::THREADS
        );
        let notes = NOTES.iter().map(|note| (*note).to_owned()).chain([pgbench]).collect();
        Self { profile, cores, rows: vec![], missing: BTreeSet::new(), notes }
    }

    /// Whether every floor holds, and `all` was measured if it must be.
    pub(super) fn holds(&self, all: bool) -> bool {
        self.rows.iter().all(|row| row.holds) && (!all || self.missing.is_empty())
    }
}

impl Row {
    pub(super) fn of(plan: &Plan, pairs: &[Pair]) -> Self {
        let median_of = |of: fn(&Pair) -> u64| median(pairs.iter().map(of).collect(), u64::cmp);
        let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ratio).collect();
        let ratio = median(ratios.clone(), f64::total_cmp);
        let bare_rps = pairs.iter().filter_map(|pair| pair.bare.as_ref()).map(|bare| bare.rps).collect();
        let pgbench_tps: Vec<f64> = pairs.iter().filter_map(|pair| pair.pgbench).collect();
        Self {
            flow: plan.flow,
            storage: plan.storage,
            concurrency: plan.concurrency,
            gateway_ms: plan.gateway_ms,
            rps: median(pairs.iter().map(|pair| pair.product.rps).collect(), f64::total_cmp),
            bare_rps: (plan.baseline == Baseline::Bare).then(|| median(bare_rps, f64::total_cmp)),
            pgbench_tps: (!pgbench_tps.is_empty()).then(|| median(pgbench_tps, f64::total_cmp)),
            ratio,
            p50_us: median_of(|pair| pair.product.p50_us),
            p99_us: median_of(|pair| pair.product.p99_us),
            p999_us: median_of(|pair| pair.product.p999_us),
            mean_group: None,
            floor: plan.floor,
            goal: plan.goal,
            others_percent: pairs.iter().filter_map(|pair| pair.others_percent).max(),
            holds: ratio >= plan.floor,
            ratios,
        }
    }
}

/// The middle value; the lower one of two.
fn median<T: Copy + Default>(mut values: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> T {
    values.sort_by(order);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} build, {} cores, client on the same cores", self.profile, self.cores)?;
        writeln!(
            out,
            "{:14} {:10} {:>5} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6} {:>8} {:>8} {:>8} {:>6}  floor",
            "flow",
            "storage",
            "c",
            "rps",
            "bare",
            "pgbench",
            "ratio",
            "floor",
            "goal",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "group"
        )?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{row}"))?;
        self.missing.iter().try_for_each(|missing| writeln!(out, "  NOT MEASURED: {missing}"))?;
        self.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))?;
        match self.rows.iter().filter_map(|row| row.others_percent).max() {
            Some(busy) if busy > QUIET_PERCENT => {
                writeln!(out, "  NOT QUIET: something else used up to {busy} % of the machine; measure again")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        write!(
            out,
            "{:14} {:10} {:>5} {:>8.0} {:>8} {:>8} {:>6.2} {:>6.2} {:>6.2} {:>8} {:>8} {:>8} {:>6}  {}",
            self.flow,
            self.storage.name(),
            self.concurrency,
            self.rps,
            number(self.bare_rps, 0),
            number(self.pgbench_tps, 0),
            self.ratio,
            self.floor,
            self.goal,
            self.p50_us,
            self.p99_us,
            self.p999_us,
            number(self.mean_group, 1),
            if self.holds { "holds" } else { "MISSED" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Measured;
    use crate::bench::plan::PLAN;

    fn pair(ratio: f64) -> Pair {
        let product = Measured { rps: ratio, p50_us: 10, ..Measured::default() };
        Pair {
            product,
            bare: Some(Measured { rps: 1.0, ..Measured::default() }),
            pgbench: None,
            ratio,
            others_percent: Some(3),
        }
    }

    #[test]
    fn a_row_holds_by_its_median() {
        let plan = &PLAN[0];
        let row = Row::of(plan, &[pair(plan.floor - 0.5), pair(plan.floor + 0.1), pair(plan.floor)]);
        assert!(row.holds);
        let row = Row::of(plan, &[pair(plan.floor - 0.1), pair(plan.floor + 0.1), pair(plan.floor - 0.2)]);
        assert!(!row.holds);
        assert!(row.to_string().ends_with("MISSED"));
    }

    #[test]
    fn rows_carry_the_agreed_names() {
        let json = serde_json::to_value(Row::of(&PLAN[0], &[pair(0.9)])).unwrap();
        let names =
            "flow storage concurrency rps bare_rps pgbench_tps ratio p50_us p99_us p999_us mean_group";
        assert!(names.split(' ').all(|name| json.get(name).is_some()), "{json}");
        assert!(json["mean_group"].is_null());
        assert_eq!(json["storage"], "sqlite");
    }

    #[test]
    fn what_is_missing_is_told_and_fails_only_where_all_must_be_there() {
        let mut report = Report::new("release");
        assert!(report.holds(true));
        report.missing.insert("rows on postgresql: it is not on this machine".to_owned());
        assert!(report.holds(false) && !report.holds(true));
        assert!(report.to_string().contains("NOT MEASURED: rows on postgresql: it is not"));
    }
}
