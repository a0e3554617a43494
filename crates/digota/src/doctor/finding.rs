//! What a check says.

use std::path::Path;

use serde::Serialize;

use crate::config::Line;

/// What was looked at, and what was found.
#[derive(Clone, Debug)]
pub(super) struct Check {
    /// One word.
    pub(super) name: &'static str,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
    /// What was seen, in a few words.
    pub(super) seen: String,
    /// Why it was not looked at, if it was not.
    pub(super) skipped: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The setting, file or thing at fault.
    pub(super) about: String,
    /// What is wrong.
    pub(super) what: String,
    /// What comes of it.
    pub(super) why: String,
    /// What mends it, step by step.
    pub(super) fix: Vec<Fix>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// A server starts and works, but not as somebody probably wants.
    Warning,
    /// A server does not start, or does not do what it is for.
    Error,
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fix {
    /// Run this in a shell.
    Run(String),
    /// Write this line in a settings file.
    Line(Line),
    /// Give a variable of the server's environment this value.
    Variable { name: String, value: String },
    /// Call a variable by another name; its value stays.
    Rename { from: String, to: String },
    /// Take a variable away.
    Unset(String),
    /// Something that only a person can decide.
    Do(String),
}

impl Check {
    pub(super) fn new(name: &'static str) -> Check {
        Check { name, findings: Vec::new(), seen: String::new(), skipped: None }
    }

    /// A check that was not made.
    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Check {
        Check { skipped: Some(why.into()), ..Check::new(name) }
    }

    pub(super) fn error(&mut self, about: impl Into<String>, what: impl Into<String>) -> &mut Finding {
        self.find(Level::Error, about.into(), what.into())
    }

    pub(super) fn warn(&mut self, about: impl Into<String>, what: impl Into<String>) -> &mut Finding {
        self.find(Level::Warning, about.into(), what.into())
    }

    fn find(&mut self, level: Level, about: String, what: String) -> &mut Finding {
        self.findings.push(Finding { level, about, what, why: String::new(), fix: Vec::new() });
        self.findings.last_mut().expect("it was just added")
    }
}

impl Finding {
    pub(super) fn why(&mut self, why: impl Into<String>) -> &mut Finding {
        self.why = why.into();
        self
    }

    pub(super) fn fix(&mut self, fix: Fix) -> &mut Finding {
        self.fix.push(fix);
        self
    }
}

/// How many findings are of this level.
pub(super) fn count(checks: &[Check], level: Level) -> usize {
    checks.iter().flat_map(|check| &check.findings).filter(|finding| finding.level == level).count()
}

/// A path as a shell reads it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+:@".contains(letter);
    match text.chars().all(plain) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_split_them() {
        let check = |path: &str, text: &str| assert_eq!(quoted(Path::new(path)), text);
        check("/var/lib/digota/shop.db", "/var/lib/digota/shop.db");
        check("my shop/$x.db", "'my shop/$x.db'");
        check("it's", r"'it'\''s'");
    }
}
