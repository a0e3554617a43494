//! The layers laid over each other: one value and one origin per key, checked as they come in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::key::{Key, Kind, is_index};
use super::nearest::nearest;
use super::problem::Problem;
use super::settings::Settings;
use super::sources::Origin;

/// Values by concrete path (`clients.0.name`), later layers over earlier ones, and what was wrong so far.
pub(super) struct Document {
    keys: BTreeMap<String, Key>,
    entries: BTreeMap<String, (Value, Origin)>,
    problems: Vec<Problem>,
    broken: Vec<String>,
    complete: bool,
}

impl Document {
    pub(super) fn new() -> Self {
        let keys = Settings::keys().into_iter().map(|key| (key.path.clone(), key)).collect();
        Self { keys, entries: BTreeMap::new(), problems: Vec::new(), broken: Vec::new(), complete: true }
    }

    /// The known key of a concrete path.
    pub(super) fn key(&self, path: &str) -> Option<&Key> {
        self.keys.get(&pattern(path))
    }

    /// Every known key.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// Whether `path` is a section, or a list of sections.
    pub(super) fn is_section(&self, path: &str) -> bool {
        let prefix = format!("{}.", pattern(path));
        self.keys.keys().any(|known| known.starts_with(&prefix))
    }

    /// Sets a known key; a value of the wrong kind becomes a problem of the place it came from.
    pub(super) fn set(&mut self, path: &str, value: Value, origin: Origin) {
        let Some(key) = self.key(path) else { return self.unknown(path, &origin) };
        match conform(key, value) {
            Ok(value) => {
                self.entries.insert(path.to_owned(), (value, origin));
            }
            Err(text) => self.broken(path, &origin, &text),
        }
    }

    /// Notes that the value of a known key can't be used.
    pub(super) fn broken(&mut self, path: &str, origin: &Origin, text: &str) {
        self.broken.push(path.to_owned());
        let (key, text) = match origin {
            Origin::Environment(variable) => (variable.clone(), text.to_owned()),
            origin => (path.to_owned(), format!("{text} ({origin})")),
        };
        self.problem(Problem { path: Some(path.to_owned()), ..Problem::at(key, text, origin.clone()) });
    }

    /// Notes a key that nothing reads, and the one that may have been meant.
    pub(super) fn unknown(&mut self, path: &str, origin: &Origin) {
        let mut concrete: Vec<String> = self.keys.keys().map(|known| at_index_of(known, path)).collect();
        let from_files = self.keys.values().filter(|key| key.may_come_from_file());
        concrete.extend(from_files.map(|key| at_index_of(&key.path, path) + "_file"));
        let meant = nearest(path, concrete.iter().map(String::as_str)).unwrap_or_default();
        let text = format!("no such setting; the nearest is {meant} ({origin})");
        let problem = Problem::at(path, text, origin.clone());
        self.problem(Problem { meant: Some(meant.to_owned()), ..problem });
    }

    /// Notes a problem that belongs to no single key.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes that a whole layer can't be read, so that it is not known what else is set.
    pub(super) fn unreadable(&mut self, problem: Problem) {
        self.complete = false;
        self.problem(problem);
    }

    /// The settings, where each value came from, and every problem so far.
    pub(super) fn finish(mut self) -> Finished {
        self.check_gaps();
        self.check_mixed_clients();
        let mut root = Value::Object(Map::new());
        for (path, (value, _)) in &self.entries {
            insert(&mut root, path, value.clone());
        }
        self.keep_broken_elements(&mut root);
        let settings = serde_json::from_value(close(root)).unwrap_or_else(|error| {
            self.problems.push(Problem::new("settings", error.to_string()));
            Settings::default()
        });
        let origins = self.entries.into_iter().map(|(path, (_, origin))| (path, origin)).collect();
        Finished { settings, origins, problems: self.problems, broken: self.broken, complete: self.complete }
    }

    /// An element none of whose values can be used is still there, and may lack more.
    fn keep_broken_elements(&self, root: &mut Value) {
        for (list, index) in self.broken.iter().filter_map(|path| list_element(path)) {
            let element = &mut root[list][index.to_string()];
            if element.is_null() {
                *element = Value::Object(Map::new());
            }
        }
    }

    fn check_gaps(&mut self) {
        let mut lists: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for path in self.entries.keys().chain(&self.broken) {
            if let Some((list, index)) = list_element(path) {
                lists.entry(list.to_owned()).or_default().insert(index);
            }
        }
        for (list, indices) in lists {
            if let Some((missing, _)) = indices.iter().enumerate().find(|(at, index)| *at != **index) {
                let text = format!("a list is numbered from 0 without gaps, and {list}.{missing} is missing");
                self.problems.push(Problem::new(list, text));
            }
        }
    }

    /// A client that is half of one layer and half of another would get scopes that nobody gave it.
    fn check_mixed_clients(&mut self) {
        let mut layers: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (path, (_, origin)) in &self.entries {
            if let Some(("clients", index)) = list_element(path) {
                layers.entry(format!("clients.{index}")).or_default().insert(origin.layer());
            }
        }
        for (client, _) in layers.into_iter().filter(|(_, layers)| layers.len() > 1) {
            let text = "set partly in one place, partly in another: give a client in one place only";
            self.problems.push(Problem::new(client, text));
        }
    }
}

/// What the layers amount to.
pub(super) struct Finished {
    pub(super) settings: Settings,
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) problems: Vec<Problem>,
    /// Paths whose value could not be used.
    pub(super) broken: Vec<String>,
    /// Whether every layer could be read.
    pub(super) complete: bool,
}

/// `clients.0.name` → `clients.#.name`.
fn pattern(path: &str) -> String {
    let segments = path.split('.').map(|segment| if is_index(segment) { "#" } else { segment });
    segments.collect::<Vec<_>>().join(".")
}

/// `clients.#.name` → `clients.2.name` when `path` speaks of element 2, else of element 0.
fn at_index_of(known: &str, path: &str) -> String {
    known.replace('#', path.split('.').find(|segment| is_index(segment)).unwrap_or("0"))
}

/// `clients.2.name` → `clients` and 2.
fn list_element(path: &str) -> Option<(&str, usize)> {
    let (list, rest) = path.split_once('.')?;
    let index = rest.split('.').next()?;
    Some((list, index.parse().ok()?))
}

/// Checks that a value is what the key wants; words of a choice get their usual case.
fn conform(key: &Key, value: Value) -> Result<Value, String> {
    match value {
        Value::Array(elements) if key.list => {
            elements.into_iter().map(|element| conform_one(key, element)).collect()
        }
        _ if key.list => Err("wants a list of texts: [\"…\", \"…\"]".to_owned()),
        value => conform_one(key, value),
    }
}

fn conform_one(key: &Key, value: Value) -> Result<Value, String> {
    let value = match (key.kind, value) {
        (Kind::Switch, value @ Value::Bool(_)) => value,
        (Kind::Switch, _) => return Err("wants true or false".to_owned()),
        (Kind::Integer, value @ Value::Number(_)) => {
            return match (key.accepts)(&value) {
                Ok(()) => Ok(value),
                Err(_) => Err("wants a whole number of 0 or more, within reason".to_owned()),
            };
        }
        (Kind::Integer, _) => return Err("wants a whole number".to_owned()),
        (Kind::Choice(words), Value::String(text)) => choose(words, &text)?,
        (Kind::Text | Kind::Secret | Kind::Path, value @ Value::String(_)) => value,
        (Kind::Choice(_) | Kind::Text | Kind::Secret | Kind::Path, _) => {
            return Err("wants text: \"…\"".to_owned());
        }
    };
    (key.accepts)(&value)?;
    Ok(value)
}

fn choose(words: &[&str], text: &str) -> Result<Value, String> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())) {
        Some(word) => Ok(Value::from(*word)),
        None => Err(format!("{text:?} is not one of {}", words.join(", "))),
    }
}

fn insert(root: &mut Value, path: &str, value: Value) {
    let mut place = root;
    for segment in path.split('.') {
        place = &mut place[segment];
    }
    *place = value;
}

/// Turns objects whose keys are all indices into arrays.
fn close(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    if !map.is_empty() && map.keys().all(|key| is_index(key)) {
        let elements: BTreeMap<u16, Value> =
            map.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, close(value)))).collect();
        return Value::Array(elements.into_values().collect());
    }
    Value::Object(map.into_iter().map(|(key, value)| (key, close(value))).collect())
}
