//! Known settings, derived from the types that hold them.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One thing that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Dotted path as in the file; `#` stands for the index of a list, as in `clients.#.name`.
    pub(crate) path: String,
    /// One sentence on what it does.
    pub(crate) about: String,
    /// How it is written.
    pub(crate) kind: Kind,
    /// Whether it is a list of such values: an array in the file, separated by commas in the environment.
    pub(crate) list: bool,
    /// What holds if nobody sets it; null for nothing, empty where it must be set.
    pub(crate) default: Value,
    /// Whether a single value is right, and if not, why.
    pub(super) accepts: fn(&Value) -> Result<(), String>,
}

/// How a value is written in the file and in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text; may also come from a file, by `<key>_file` or `<VARIABLE>_FILE`.
    Text,
    /// Text that nobody may see; may also come from a file.
    Secret,
    /// The path of a file.
    Path,
    /// Yes or no: `true`, `false`, and in the environment also `1`, `t`, `T`, `TRUE`, `True` and their opposites.
    Switch,
    /// A whole number.
    Integer,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
}

impl Key {
    /// The environment variable, with `#` where an index goes: `DIGOTA_CLIENTS_#_NAME`.
    pub(crate) fn variable(&self) -> String {
        format!("DIGOTA_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// Whether the value may be the name of a file that holds it.
    pub(crate) fn may_come_from_file(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Secret) && !self.list
    }
}

/// A type that can be set: one value, a list, or a section of further settings.
pub(super) trait Setting {
    /// Adds the keys below `path` to `keys`.
    fn describe(path: String, about: &str, keys: &mut Vec<Key>);
}

impl<T: Setting> Setting for Option<T> {
    fn describe(path: String, about: &str, keys: &mut Vec<Key>) {
        T::describe(path, about, keys);
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn describe(path: String, about: &str, keys: &mut Vec<Key>) {
        let before = keys.len();
        let element = format!("{path}.#");
        T::describe(element.clone(), about, keys);
        // A list of plain values is one key; a list of sections is as many as the section has.
        for key in keys.iter_mut().skip(before).filter(|key| key.path == element) {
            key.path = path.clone();
            key.list = true;
        }
    }
}

/// Declares that a type is one value, and how it is written.
macro_rules! value {
    ($($type:ty: $kind:expr),* $(,)?) => { $(
        impl $crate::config::key::Setting for $type {
            fn describe(path: String, about: &str, keys: &mut Vec<$crate::config::key::Key>) {
                keys.push($crate::config::key::Key {
                    path,
                    about: about.trim().to_owned(),
                    kind: $kind,
                    list: false,
                    default: serde_json::Value::Null,
                    accepts: $crate::config::key::accepts::<$type>,
                });
            }
        }
    )* };
}
pub(super) use value;

/// Declares a section: a struct whose fields are settings, each with its description and default.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub(crate) struct $name:ident {
            $( $(#[doc = $about:literal])+ $field:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $( $(#[doc = $about])+ pub(crate) $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::config::key::Setting for $name {
            fn describe(path: String, _about: &str, keys: &mut Vec<$crate::config::key::Key>) {
                let prefix = if path.is_empty() { path } else { format!("{path}.") };
                $(
                    let path = format!("{prefix}{}", stringify!($field));
                    <$type as $crate::config::key::Setting>::describe(path.clone(), concat!($($about),+), keys);
                    let default: $type = $default;
                    $crate::config::key::set_default(&path, &default, keys);
                )*
            }
        }
    };
}
pub(super) use section;

/// Notes the default of the key at `path`; a section is no key, and has none of its own.
pub(super) fn set_default(path: &str, default: &impl Serialize, keys: &mut [Key]) {
    if let Some(key) = keys.iter_mut().rev().find(|key| key.path == path) {
        key.default = serde_json::to_value(default).expect("settings are plain data");
    }
}

/// Whether a part of a path or of a variable is the index of a list.
pub(super) fn is_index(segment: &str) -> bool {
    segment.parse::<u16>().is_ok_and(|index| index.to_string() == segment)
}

/// Whether `value` reads as a `T`.
pub(super) fn accepts<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    T::deserialize(value).map(drop).map_err(|error| error.to_string())
}

value! {
    bool: Kind::Switch,
    u16: Kind::Integer,
    u32: Kind::Integer,
    u64: Kind::Integer,
    usize: Kind::Integer,
    String: Kind::Text,
    PathBuf: Kind::Path,
}
