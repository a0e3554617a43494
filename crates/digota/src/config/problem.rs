//! What is wrong with the settings, all of it at once.

use std::fmt;

use super::sources::Origin;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key, variable or file at fault.
    pub(crate) key: String,
    /// What is wrong and what to do.
    pub(crate) text: String,
    /// The setting at fault, where it is one that is known.
    pub(crate) path: Option<String>,
    /// Where it stands, where that is one place.
    pub(crate) origin: Option<Origin>,
    /// The key or variable that was probably meant, where this one is unknown.
    pub(crate) meant: Option<String>,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), path: None, origin: None, meant: None }
    }

    pub(super) fn at(key: impl Into<String>, text: impl Into<String>, origin: Origin) -> Self {
        Self { origin: Some(origin), ..Self::new(key, text) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.text)
    }
}

/// Everything that is wrong, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the settings cannot be used")?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}
