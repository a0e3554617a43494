//! What the compiler does not check: each rule of the house that a machine can see.

use std::fmt;

use anyhow::Result;

use crate::repo::{self, Tree};

mod blanks;
mod fences;
mod headers;
mod leftovers;
mod length;
mod links;
mod promises;

/// One rule.
pub(crate) struct Check {
    /// What it holds up, in a few words.
    pub(crate) name: &'static str,
    find: fn(&Tree) -> Vec<Finding>,
}

/// Every rule.
pub(crate) const CHECKS: &[Check] = &[
    Check { name: "every source file says what it is", find: headers::check },
    Check { name: "crates depend only on what they may", find: fences::check },
    Check { name: "every promise of a port has its case", find: promises::check },
    Check { name: "nothing is left unfinished", find: leftovers::check },
    Check { name: "no file holds two ideas", find: length::check },
    Check { name: "no stray blanks", find: blanks::check },
    Check { name: "links in prose lead somewhere", find: links::check },
];

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    /// What is wrong, and what to do about it.
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Checks the repository; prints what it finds. Whether all is well.
pub(crate) fn run() -> Result<bool> {
    Ok(check()?.iter().all(|(_, findings)| findings.is_empty()))
}

/// Runs every rule and prints one line for each, under it the places that break it.
pub(crate) fn check() -> Result<Vec<(&'static Check, Vec<Finding>)>> {
    let tree = Tree::read(&repo::root())?;
    let mut results: Vec<_> = CHECKS.iter().map(|check| (check, (check.find)(&tree))).collect();
    for (check, findings) in &mut results {
        findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        println!("tidy: {} ... {}", check.name, if findings.is_empty() { "ok" } else { "FAILED" });
        for finding in findings {
            println!("  {finding}");
        }
    }
    Ok(results)
}
