//! What is looked at: the settings as a server would read them, and the files that they come from.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::finding::Fix;
use crate::config::{Line, Loaded, Origin, Problem, Settings, Sources};

/// A server to be.
pub(super) struct Patient {
    /// The settings and where they came from.
    pub(super) loaded: Loaded,
    /// What is wrong with them.
    pub(super) problems: Vec<Problem>,
    /// The settings file, whether it is there or not.
    pub(super) file: Option<PathBuf>,
    /// Its text, as far as it can be read.
    pub(super) text: String,
    /// Clients' certificates that somebody wants to know about.
    pub(super) clients: Vec<PathBuf>,
    /// Now, by the clock of this machine.
    pub(super) now: Timestamp,
}

impl Patient {
    /// Reads the settings.
    pub(super) fn of(sources: Sources, clients: Vec<PathBuf>) -> Patient {
        let file = sources.path().map(Path::to_owned);
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let (loaded, problems) = sources.inspect();
        Patient { loaded, problems: problems.0, file, text, clients, now: Timestamp::now() }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.loaded.settings
    }

    /// Where a setting stands, also where what stands there can't be used.
    fn origin(&self, path: &str) -> &Origin {
        let mut refused = self.problems.iter().filter(|problem| problem.path.as_deref() == Some(path));
        refused.find_map(|problem| problem.origin.as_ref()).unwrap_or_else(|| self.loaded.origin(path))
    }

    /// What gives a setting this value, where it is set now or may be set.
    pub(super) fn set(&self, path: &str, value: impl Into<Value>) -> Fix {
        let value = value.into();
        match self.origin(path) {
            Origin::Environment(name) => Fix::Variable { name: name.clone(), value: plain(&value) },
            origin => self.write(origin, path, &value),
        }
    }

    /// TOML reads texts, numbers, switches and lists of them as JSON writes them.
    fn write(&self, origin: &Origin, path: &str, value: &Value) -> Fix {
        let at = match origin {
            Origin::File(_, number) => Some(*number),
            _ => None,
        };
        let line =
            self.file.as_ref().and_then(|file| Line::setting(file, &self.text, at, path, &value.to_string()));
        line.map_or_else(|| Fix::Do(format!("set {path} to {value}")), Fix::Line)
    }
}

/// A value as the environment has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(elements) => elements.iter().map(plain).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}
