//! What all runs came to, kept in the repository.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::parts::Part;
use crate::repo;

/// Where it is kept.
pub(super) const PATH: &str = "docs/proving-results.json";

/// All runs, the first one first.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Results {
    runs: Vec<Run>,
}

/// A run.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Run {
    /// The day on which it began.
    date: String,
    /// What was tried; `+changes` where more was in the files than in the commit.
    commit: String,
    /// How long it took.
    pub(super) seconds: u64,
    /// What its parts came to.
    parts: Vec<Part>,
}

impl Results {
    pub(super) fn read() -> Result<Results> {
        let path = repo::root().join(PATH);
        if !path.exists() {
            return Ok(Results::default());
        }
        serde_json::from_str(&fs::read_to_string(path)?).with_context(|| PATH.to_owned())
    }

    /// Writes all runs and one more: a line for each, so that a run adds a line.
    pub(super) fn write_with(&self, run: &Run) -> Result<()> {
        let runs = self.runs.iter().chain([run]);
        let lines = runs.map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let text = format!("{{ \"runs\": [\n{}\n] }}\n", lines.join(",\n"));
        fs::write(repo::root().join(PATH), text).with_context(|| PATH.to_owned())
    }

    pub(super) fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    pub(super) fn last(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// How many runs there were.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// What a part came to in all runs.
    pub(super) fn sum(&self, name: &str) -> Option<Part> {
        let mut all = self.runs.iter().filter_map(|run| run.part(name)).cloned();
        let mut sum = all.next()?;
        all.for_each(|part| sum.merge(part));
        Some(sum)
    }

    /// The first seed of a part that was never played.
    pub(super) fn next_seed(&self, name: &str) -> u64 {
        self.sum(name).and_then(|part| part.seeds).map_or(0, |seeds| seeds.end)
    }
}

impl Run {
    pub(super) fn begin() -> Result<Run> {
        let date = said("date", &["-u", "+%Y-%m-%d"])?;
        let mut commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
        let changed = said("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])?;
        if !changed.is_empty() {
            commit.push_str("+changes");
        }
        Ok(Run { date, commit, seconds: 0, parts: Vec::new() })
    }

    pub(super) fn add(&mut self, part: Part) {
        match self.parts.iter_mut().find(|known| known.name == part.name) {
            Some(known) => known.merge(part),
            None => self.parts.push(part),
        }
    }

    pub(super) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Whether every part ended well and found nothing.
    pub(super) fn is_good(&self) -> bool {
        self.parts.iter().all(Part::is_good)
    }

    /// `2026-11-26, commit 0123456789ab, 600 s`.
    pub(super) fn title(&self) -> String {
        format!("{}, commit {}, {} s", self.date, self.commit, self.seconds)
    }
}

/// What a command says.
fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(repo::root()).output();
    let output = output.with_context(|| format!("can't run {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_go_on_after_the_last_run() {
        let part = |seeds| Part { name: Part::KILL.into(), seeds: Some(seeds), ..Part::default() };
        let run = |seeds| {
            let (date, commit) = ("2026-11-26".into(), "0123456789ab".into());
            Run { date, commit, seconds: 1, parts: vec![part(seeds)] }
        };
        let results = Results { runs: vec![run(0..7), run(7..9)] };
        assert_eq!((results.next_seed(Part::KILL), results.next_seed(Part::SIMULATION)), (9, 0));
    }
}
