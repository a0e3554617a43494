//! The layer of `DIGOTA_…` variables.

use std::path::Path;

use serde_json::Value;

use super::document::Document;
use super::file::read_value;
use super::key::{Key, Kind, is_index};
use super::nearest::nearest;
use super::problem::Problem;
use super::sources::Origin;

/// The variable that names the settings file.
pub(super) const CONFIG: &str = "DIGOTA_CONFIG";
/// Variables of the test suites.
const TEST: &str = "DIGOTA_TEST_";

/// Lays the variables over the document; an empty one counts as not set.
pub(super) fn lay(document: &mut Document, variables: &[(String, String)]) {
    let known: Vec<Key> = document.keys().cloned().collect();
    let ours = variables.iter().filter(|(name, text)| {
        name.starts_with("DIGOTA_") && name != CONFIG && !name.starts_with(TEST) && !text.is_empty()
    });
    for (name, text) in ours {
        lay_one(document, &known, name, text, variables);
    }
}

fn lay_one(document: &mut Document, known: &[Key], name: &str, text: &str, variables: &[(String, String)]) {
    let origin = Origin::Environment(name.to_owned());
    if let Some((key, path)) = find(known, name) {
        return lay_text(document, key, &path, text, origin);
    }
    let direct = name.strip_suffix("_FILE").unwrap_or_default();
    let Some((key, path)) = find(known, direct).filter(|(key, _)| key.may_come_from_file()) else {
        return unknown(document, known, name);
    };
    if variables.iter().any(|(other, text)| other == direct && !text.is_empty()) {
        let text = format!("{direct} is set too: keep one of the two");
        return document.problem(Problem::at(name, text, origin));
    }
    match read_value(Path::new(text)) {
        Ok(text) => lay_text(document, key, &path, &text, origin),
        Err(text) => document.broken(&path, &origin, &text),
    }
}

/// Sets a key from text, as the environment and the presets write it.
pub(super) fn lay_text(document: &mut Document, key: &Key, path: &str, text: &str, origin: Origin) {
    match parse(key, text) {
        Ok(value) => document.set(path, value, origin),
        Err(text) => document.broken(path, &origin, &text),
    }
}

/// The key that a variable sets, and its concrete path.
fn find<'a>(known: &'a [Key], name: &str) -> Option<(&'a Key, String)> {
    let segments = name.split('_');
    let index = segments.clone().find(|segment| is_index(segment)).unwrap_or("0");
    let pattern: Vec<&str> = segments.map(|segment| if is_index(segment) { "#" } else { segment }).collect();
    let pattern = pattern.join("_");
    let key = known.iter().find(|key| key.variable() == pattern)?;
    Some((key, key.path.replace('#', index)))
}

fn unknown(document: &mut Document, known: &[Key], name: &str) {
    let index = name.split('_').find(|segment| is_index(segment)).unwrap_or("0");
    let variable = |key: &Key| key.variable().replace('#', index);
    let from_files = known.iter().filter(|key| key.may_come_from_file());
    let mut names: Vec<String> = known.iter().map(variable).collect();
    names.extend(from_files.map(|key| variable(key) + "_FILE"));
    let meant = nearest(name, names.iter().map(String::as_str)).unwrap_or_default();
    let text = format!("no such setting; the nearest is {meant}");
    let problem = Problem::at(name, text, Origin::Environment(name.to_owned()));
    document.problem(Problem { meant: Some(meant.to_owned()), ..problem });
}

fn parse(key: &Key, text: &str) -> Result<Value, String> {
    if key.list {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        return Ok(parts.map(Value::from).collect());
    }
    match key.kind {
        Kind::Switch => switch(text).map(Value::from),
        Kind::Integer => match text.trim().parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err("wants a whole number".to_owned()),
        },
        Kind::Text | Kind::Secret | Kind::Path | Kind::Choice(_) => Ok(Value::from(text)),
    }
}

/// The spellings that Go's `strconv.ParseBool` takes.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("wants true or false".to_owned()),
    }
}
