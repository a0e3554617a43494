//! What there is to set, as `digota config --describe` prints it and docs/configuration.md lists it.

use serde_json::Value;

use super::key::{Key, Kind};
use super::settings::Settings;

/// Every setting: its key, its variable, what it means, how it is written, and what holds if nobody sets it. `#` stands
/// for the index of a list.
pub(crate) fn describe() -> String {
    Settings::keys().iter().map(entry).collect()
}

fn entry(key: &Key) -> String {
    let (form, default) = (form(key), default(&key.default));
    format!("{}  ({})\n    {}\n    {form}. {default}.\n", key.path, key.variable(), key.about)
}

fn form(key: &Key) -> String {
    let one = match key.kind {
        Kind::Text => "Text".to_owned(),
        Kind::Secret => {
            format!("Secret; better kept in a file of its own, which {}_FILE names", key.variable())
        }
        Kind::Path => "File name".to_owned(),
        Kind::Switch => "True or false".to_owned(),
        Kind::Integer => "Whole number".to_owned(),
        Kind::Choice(words) => format!("One of {}", words.join(", ")),
    };
    match (key.list, key.kind) {
        (false, _) => one,
        (true, Kind::Choice(words)) => format!("Any of {}", words.join(", ")),
        (true, _) => "List of texts".to_owned(),
    }
}

fn default(value: &Value) -> String {
    match value {
        Value::Null => "Not set by default".to_owned(),
        Value::String(text) if text.is_empty() => "Must be set".to_owned(),
        Value::Array(elements) if elements.is_empty() => "Empty by default".to_owned(),
        Value::String(text) => format!("Default: {text}"),
        value => format!("Default: {value}"),
    }
}
