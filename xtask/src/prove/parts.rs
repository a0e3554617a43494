//! The parts of a proof: what is run, and what its last line says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build::Programs;
use crate::repo;

/// How many seeds are simulated at first, and at least, between two looks at the clock.
pub(super) const FIRST_SLICE: u64 = 50;
/// About how long the next ones may take, in seconds.
pub(super) const SLICE_S: u64 = 20;

/// How often the server is killed in one run of the kill test, and how many pay meanwhile.
const KILLS: (&str, &str) = ("100", "32");
/// How many steps away states are looked for, in a short and in a long run.
const STEPS: (&str, &str) = ("4", "5");
/// How many sequences are played against a model, in a short and in a long run.
const SEQUENCES: (&str, &str) = ("400", "4000");

/// Who has a model: the package, its test, and what it is called there.
pub(super) const MODELLED: [(&str, &str, &str); 3] = [
    ("digota-core", "it", "model::whatever_is_done"),
    ("digota-conformance", "store_fake", "answers_as_the_model"),
    ("digota-storage", "conformance", "answers_as_the_model"),
];

/// What a part came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Which part.
    pub(super) name: String,
    /// The seeds that were played, the last one left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seeds: Option<Range<u64>>,
    /// How many different courses of things were gone through.
    pub(super) schedules: u64,
    /// How often what went wrong, or was remarkable.
    pub(super) counts: BTreeMap<String, u64>,
    /// What must never be.
    pub(super) violations: u64,
    /// What else is wrong with the part itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

impl Part {
    pub(super) const PLANTED: &str = "planted bugs";
    pub(super) const MODELS: &str = "models";
    pub(super) const STATES: &str = "states";
    pub(super) const KILL: &str = "kill test";
    pub(super) const SIMULATION: &str = "simulation";
    /// All of them, in the order in which they are run.
    pub(super) const ALL: [&str; 5] =
        [Part::PLANTED, Part::MODELS, Part::STATES, Part::KILL, Part::SIMULATION];

    /// Whether it ended well and found nothing.
    pub(super) fn is_good(&self) -> bool {
        self.violations == 0 && self.failure.is_none()
    }

    /// Adds another run of the same part, which goes on where this one ended.
    pub(super) fn merge(&mut self, other: Part) {
        self.seeds = match (self.seeds.take(), other.seeds) {
            (Some(mine), Some(theirs)) => Some(mine.start.min(theirs.start)..mine.end.max(theirs.end)),
            (mine, theirs) => mine.or(theirs),
        };
        self.schedules += other.schedules;
        self.violations += other.violations;
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.failure = self.failure.take().or(other.failure);
    }
}

/// Shops that are broken on purpose must all be named.
pub(super) fn planted() -> Result<Part> {
    heading(Part::PLANTED);
    let mut cargo = repo::cargo();
    cargo.args(["test", "--quiet", "--package", "digota-planted", "--test", "planted"]);
    let (text, ended_well) = listen(&mut cargo)?;
    let (caught, of) = text.lines().find_map(caught).context("it did not say what was caught")?;
    let counts = BTreeMap::from([("caught".to_owned(), caught), ("planted".to_owned(), of)]);
    let failure =
        (!ended_well || caught != of).then(|| "a bug was not named, or a right shop was".to_owned());
    Ok(Part { name: Part::PLANTED.into(), counts, failure, ..Part::default() })
}

/// The figures of `planted bugs: 10 of 10 caught`.
fn caught(line: &str) -> Option<(u64, u64)> {
    let (caught, of) = line.strip_prefix("planted bugs: ")?.strip_suffix(" caught")?.split_once(" of ")?;
    Some((caught.parse().ok()?, of.parse().ok()?))
}

/// Every store, and the shop, must answer as a model of it.
pub(super) fn models(seed: u64, long: bool) -> Result<Part> {
    heading(Part::MODELS);
    let cases = if long { SEQUENCES.1 } else { SEQUENCES.0 };
    let seeds = Some(seed..seed + 1);
    let mut part = Part { name: Part::MODELS.into(), seeds, ..Part::default() };
    for (package, test, filter) in MODELLED {
        let mut cargo = repo::cargo();
        cargo.args(["test", "--quiet", "--package", package, "--test", test, "--", "--nocapture", filter]);
        cargo.env("PROPTEST_CASES", cases).env("PROPTEST_RNG_SEED", seed.to_string());
        let (text, ended_well) = listen(&mut cargo)?;
        let answered: Vec<_> = text.lines().filter_map(answered).collect();
        for (who, sequences, calls) in &answered {
            part.schedules += sequences;
            part.counts.insert(format!("calls of {who}"), *calls);
        }
        if !ended_well || answered.is_empty() {
            print!("{text}");
            part.failure =
                Some(format!("{package}: somebody said what its model does not, or none was asked"));
        }
    }
    Ok(part)
}

/// The figures of `store::sqlite answered as the model: 40 sequences, 2400 calls, seed 18`.
fn answered(line: &str) -> Option<(&str, u64, u64)> {
    let (who, rest) = line.split_once(" answered as the model: ")?;
    let (sequences, rest) = rest.split_once(" sequences, ")?;
    let (calls, _) = rest.split_once(" calls, seed ")?;
    Some((who, sequences.parse().ok()?, calls.parse().ok()?))
}

/// Every state within some steps.
pub(super) fn states(programs: &Programs, long: bool) -> Result<Part> {
    heading(Part::STATES);
    let steps = if long { STEPS.1 } else { STEPS.0 };
    let mut command = Command::new(&programs.model);
    let (line, failure) = figures(command.args(["--steps", steps, "--json"]))?;
    let schedules = line["tries"].as_u64().unwrap_or(0);
    Ok(Part { name: Part::STATES.into(), schedules, failure, ..part(&line, &["tries"]) })
}

/// The server is killed again and again.
pub(super) fn kill(programs: &Programs, seed: u64) -> Result<Part> {
    heading(Part::KILL);
    let mut command = Command::new(&programs.faults);
    command.args(["kill", "--json", "--kills", KILLS.0, "--payers", KILLS.1, "--seed", &seed.to_string()]);
    let (line, failure) = figures(&mut command)?;
    let name = Part::KILL.into();
    let left_out = ["seed", "seconds", "payers", "orders_per_second"];
    Ok(Part { name, seeds: Some(seed..seed + 1), schedules: 1, failure, ..part(&line, &left_out) })
}

/// The shop in a simulated world.
pub(super) fn simulation(program: &Path, seeds: Range<u64>) -> Result<Part> {
    let range = format!("{}..{}", seeds.start, seeds.end);
    let (line, failure) = figures(Command::new(program).args(["run", "--seeds", &range, "--json"]))?;
    let schedules = line["schedules"].as_u64().unwrap_or(0);
    let counts = part(&line["faults"], &[]).counts;
    let violations = line["violations"].as_array().map_or(0, |all| all.len() as u64);
    Ok(Part { name: Part::SIMULATION.into(), seeds: Some(seeds), schedules, counts, violations, failure })
}

/// The figures of a line: its numbers, but for some.
fn part(line: &Value, left_out: &[&str]) -> Part {
    let mut part = Part::default();
    for (name, value) in line.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_u64()) {
            ("violations", Some(count)) => part.violations = count,
            (name, Some(count)) if !left_out.contains(&name) => {
                part.counts.insert(name.replace('_', " "), count);
            }
            _ => {}
        }
    }
    part
}

/// Runs a program that ends with a line of JSON. Returns the line, and what is wrong if the program does not end well.
fn figures(command: &mut Command) -> Result<(Value, Option<String>)> {
    let (text, ended_well) = listen(command)?;
    let line = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let failure = (!ended_well).then(|| "it did not end well; see what it said above".to_owned());
    match line {
        Some(line) => Ok((line, failure)),
        None => Ok((Value::Null, Some("it gave no figures; see what it said above".to_owned()))),
    }
}

fn listen(command: &mut Command) -> Result<(String, bool)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("can't run {name}"))?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
}

fn heading(name: &str) {
    println!("== {name}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_caught_is_read() {
        assert_eq!(caught("planted bugs: 9 of 10 caught"), Some((9, 10)));
        assert_eq!(caught("planted bugs: some"), None);
    }

    #[test]
    fn what_was_answered_is_read() {
        let line = "store::sqlite answered as the model: 40 sequences, 2400 calls, seed 18";
        assert_eq!(answered(line), Some(("store::sqlite", 40, 2400)));
        assert_eq!(answered("test store::sqlite::answers_as_the_model ... ok"), None);
    }

    #[test]
    fn numbers_are_counts_but_for_violations() {
        let line = serde_json::json!({ "kills": 5, "seed": 7, "violations": 2, "commit": "abc", "open_at_a_kill": 3 });
        let part = part(&line, &["seed"]);
        let counts = BTreeMap::from([("kills".to_owned(), 5), ("open at a kill".to_owned(), 3)]);
        assert_eq!((part.violations, part.counts), (2, counts));
    }

    #[test]
    fn a_part_goes_on_where_it_ended() {
        let one = |seeds: Range<u64>| Part {
            seeds: Some(seeds),
            schedules: 10,
            counts: BTreeMap::from([("crashes".to_owned(), 4)]),
            violations: 1,
            ..Part::default()
        };
        let mut all = one(0..10);
        all.merge(one(10..20));
        assert_eq!((all.seeds, all.schedules, all.violations), (Some(0..20), 20, 2));
        assert_eq!(all.counts["crashes"], 8);
    }
}
