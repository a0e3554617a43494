//! What a run of many seeds comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter};

use serde::Serialize;

/// What must happen in a run that proves something.
pub const NEEDED: [&str; 26] = [
    "answers asked again",
    "answers cut off",
    "calls cut off",
    "clock jumps",
    "commits found after all",
    "commits refused",
    "commits unheard of",
    "crashes",
    "crashes after a call",
    "crashes before a call",
    "crashes between commits",
    "cuts",
    "doubled requests",
    "freezes",
    "gateway answers lost",
    "gateway outages",
    "hang-ups",
    "joins",
    "late commits stopped",
    "late successes",
    "leases lost",
    "leases taken over",
    "locks that say always yes",
    "reads without an answer",
    "tombstones",
    "unknown commits",
];

/// The sum of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many seeds were played.
    pub seeds: u64,
    /// How many different traces that made.
    pub schedules: usize,
    /// How often what went wrong or was remarkable.
    pub faults: BTreeMap<&'static str, u64>,
    /// What must never be, each with its seed.
    pub violations: Vec<String>,
    #[serde(skip)]
    traces: BTreeSet<u64>,
}

impl Report {
    /// A run without anything yet. What is needed is counted from 0, so that it is seen to be missing.
    pub fn new() -> Report {
        Report { faults: NEEDED.into_iter().map(|kind| (kind, 0)).collect(), ..Report::default() }
    }

    /// Adds a seed.
    pub fn add(
        &mut self,
        seed: u64,
        trace: u64,
        counts: &BTreeMap<&'static str, u64>,
        violations: &[String],
    ) {
        self.seeds += 1;
        self.traces.insert(trace);
        self.schedules = self.traces.len();
        for (kind, count) in counts {
            *self.faults.entry(kind).or_default() += count;
        }
        self.violations.extend(violations.iter().map(|violation| format!("seed {seed}: {violation}")));
    }

    /// What should have happened and did not.
    pub fn missing(&self) -> Vec<&'static str> {
        NEEDED.into_iter().filter(|kind| self.faults.get(kind).is_none_or(|count| *count == 0)).collect()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  {:<28} {:>10}", "seeds", self.seeds)?;
        writeln!(f, "  {:<28} {:>10}", "schedules", self.schedules)?;
        for (kind, count) in &self.faults {
            writeln!(f, "  {kind:<28} {count:>10}")?;
        }
        writeln!(f, "  {:<28} {:>10}", "violations", self.violations.len())
    }
}
