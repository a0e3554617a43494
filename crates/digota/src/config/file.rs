//! The layer of `digota.toml`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::document::Document;
use super::problem::Problem;
use super::sources::Origin;

/// The permission of everybody to write.
const OTHERS_WRITE: u32 = 0o002;

/// Lays the file over the document. A missing file is fine unless someone named it.
pub(super) fn lay(document: &mut Document, path: &Path, named: bool) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return,
        Err(error) => {
            let text = format!("cannot read the settings file: {}", error.kind());
            return document.unreadable(Problem::new(path.display().to_string(), text));
        }
    };
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS_WRITE != 0) {
        let text = "any user of this machine can write it, and so decide who comes in: run `chmod o-w` on it";
        return document.unreadable(Problem::new(path.display().to_string(), text));
    }
    match toml::from_str::<Value>(&text) {
        Ok(value) => walk(document, "", value, &Origin::File(path.to_owned())),
        Err(error) => {
            // The error's own display quotes the line, and the line may hold a password.
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count()) + 1;
            let place = format!("{}, line {line}", path.display());
            document.unreadable(Problem::new(place, format!("not TOML: {}", error.message())));
        }
    }
}

fn walk(document: &mut Document, path: &str, value: Value, origin: &Origin) {
    match value {
        Value::Object(table) if table.is_empty() && path.contains('.') => {
            document.problem(Problem::new(
                path,
                format!("this section is empty: fill it or remove it ({origin})"),
            ));
        }
        Value::Object(table) if path.is_empty() || !table.is_empty() || document.is_section(path) => {
            for (name, value) in table {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                walk(document, &path, value, origin);
            }
        }
        Value::Array(elements) if document.is_section(path) => {
            for (index, element) in elements.into_iter().enumerate() {
                walk(document, &format!("{path}.{index}"), element, origin);
            }
        }
        value => leaf(document, path, value, origin),
    }
}

fn leaf(document: &mut Document, path: &str, value: Value, origin: &Origin) {
    let from_file = path
        .strip_suffix("_file")
        .filter(|path| document.key(path).is_some_and(super::key::Key::may_come_from_file));
    let (path, value) = match (from_file, value) {
        (Some(path), Value::String(file)) => match read_value(Path::new(&file)) {
            Ok(text) => (path, Value::String(text)),
            Err(text) => return document.broken(path, origin, &text),
        },
        (_, value) => (path, value),
    };
    document.set(path, value, origin.clone());
}

/// Reads a value kept in a file of its own, without the line end that editors add.
pub(super) fn read_value(path: &Path) -> Result<String, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(format!("cannot read {}: {}", path.display(), error.kind())),
    }
}
