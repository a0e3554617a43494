//! What passed, what failed and what was left out.

use std::fmt;
use std::time::Duration;

use super::libtest::Line;

/// One suite's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) suite: String,
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    pub(super) time: Duration,
    /// What failed and what was ignored, by name, with the reason where there is one.
    pub(super) notes: Vec<String>,
}

impl Row {
    pub(super) fn new(suite: &str) -> Self {
        Self { suite: suite.to_owned(), ..Self::default() }
    }

    /// A suite that was left out, and why.
    pub(super) fn ignored(suite: &str, reason: &str) -> Self {
        Self { ignored: 1, notes: vec![format!("ignored: {reason}")], ..Self::new(suite) }
    }

    /// A suite that could not even start, and why.
    pub(super) fn failed(suite: &str, reason: &str) -> Self {
        let mut row = Self::new(suite);
        row.fail(reason);
        row
    }

    /// Takes down what a line of a suite's output says.
    pub(super) fn hear(&mut self, said: &Line<'_>) {
        match said {
            Line::Failed(name) => self.notes.push(format!("failed: {name}")),
            Line::Ignored(name, "") => self.notes.push(format!("ignored: {name}")),
            Line::Ignored(name, reason) => self.notes.push(format!("ignored: {name}: {reason}")),
            Line::Sum { passed, failed, ignored } => {
                self.passed += passed;
                self.failed += failed;
                self.ignored += ignored;
            }
            Line::Starts(_) | Line::StartsDocs(_) | Line::Other => {}
        }
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, what: &str) {
        self.failed += 1;
        self.notes.push(format!("failed: {what}"));
    }
}

/// All suites' results; displays as the closing account.
#[derive(Default)]
pub(super) struct Tally {
    rows: Vec<Row>,
}

impl Tally {
    /// Adds a suite. One that holds no test at all is not worth a line.
    pub(super) fn add(&mut self, row: Row) {
        if row.passed + row.failed + row.ignored > 0 {
            self.rows.push(row);
        }
    }

    /// Whether nothing failed and something passed.
    pub(super) fn is_good(&self) -> bool {
        self.sum(|row| row.failed) == 0 && self.sum(|row| row.passed) > 0
    }

    fn sum(&self, of: impl Fn(&Row) -> u64) -> u64 {
        self.rows.iter().map(of).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.suite.len()).max().unwrap_or(0).max("suite".len());
        writeln!(out, "{:width$}  passed  failed  ignored  seconds", "suite")?;
        for row in &self.rows {
            let seconds = format!("{}.{}", row.time.as_secs(), row.time.subsec_millis() / 100);
            let Row { suite, passed, failed, ignored, .. } = row;
            writeln!(out, "{suite:width$}  {passed:6}  {failed:6}  {ignored:7}  {seconds:>7}")?;
            row.notes.iter().try_for_each(|note| writeln!(out, "    {note}"))?;
        }
        let (passed, failed) = (self.sum(|row| row.passed), self.sum(|row| row.failed));
        writeln!(out, "\n{passed} passed, {failed} failed, {} skipped", self.sum(|row| row.ignored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_ends_with_the_sum() {
        let mut tally = Tally::default();
        tally.add(Row { passed: 7, time: Duration::from_millis(1234), ..Row::new("digota-core") });
        tally.add(Row::ignored("client.py", "no python3"));
        tally.add(Row::failed("digota", "a_paid_order_cannot_be_paid_again"));
        tally.add(Row::new("an empty suite"));
        let expected = "suite        passed  failed  ignored  seconds\n\
                        digota-core       7       0        0      1.2\n\
                        client.py         0       0        1      0.0\n    ignored: no python3\n\
                        digota            0       1        0      0.0\n    failed: a_paid_order_cannot_be_paid_again\n\
                        \n7 passed, 1 failed, 1 skipped\n";
        assert_eq!(tally.to_string(), expected);
    }

    #[test]
    fn a_failure_or_nothing_at_all_is_not_good() {
        let mut tally = Tally::default();
        assert!(!tally.is_good());
        tally.add(Row { passed: 1, ..Row::new("a") });
        assert!(tally.is_good());
        tally.add(Row::failed("b", "c"));
        assert!(!tally.is_good());
    }
}
