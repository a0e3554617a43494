//! The settings as `digota config` prints them: value and origin, secrets hidden.

use serde_json::Value;

use super::key::Key;
use super::settings::Settings;
use super::sources::Loaded;

impl Loaded {
    /// One line per setting: `key = value  (origin)`, in the order of the declarations.
    pub(crate) fn explain(&self) -> Vec<String> {
        let values = serde_json::to_value(&self.settings).expect("settings are plain data");
        let keys = Settings::keys();
        keys.chunk_by(|one, next| list_of(one).is_some() && list_of(one) == list_of(next))
            .flat_map(|group| self.explain_group(group, &values))
            .collect()
    }

    /// One key, or all keys of a list of sections element by element.
    fn explain_group(&self, group: &[Key], values: &Value) -> Vec<String> {
        let Some(list) = group.first().and_then(list_of) else {
            return group.iter().map(|key| self.line(&key.path, at(values, &key.path))).collect();
        };
        let length = at(values, list).as_array().map_or(0, Vec::len);
        if length == 0 {
            return vec![self.line(list, &Value::Array(Vec::new()))];
        }
        let paths = (0..length)
            .flat_map(|index| group.iter().map(move |key| key.path.replace('#', &index.to_string())));
        paths.map(|path| self.line(&path, at(values, &path))).collect()
    }

    fn line(&self, path: &str, value: &Value) -> String {
        let value = match value {
            Value::Null => "(not set)".to_owned(),
            value => value.to_string(),
        };
        format!("{path} = {value}  ({})", self.origin(path))
    }
}

/// The list of sections that a key belongs to: `clients` of `clients.#.name`.
fn list_of(key: &Key) -> Option<&str> {
    key.path.split_once(".#").map(|(list, _)| list)
}

fn at<'a>(values: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(values, |value, segment| match segment.parse::<usize>() {
        Ok(index) => &value[index],
        Err(_) => &value[segment],
    })
}
