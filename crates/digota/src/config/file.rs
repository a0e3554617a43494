//! The layer of `digota.toml`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::document::Document;
use super::key::Key;
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
    let file = File { path, text: &text };
    match DeTable::parse(&text) {
        Ok(root) => file.lay_table(document, "", root.get_ref()),
        Err(error) => {
            // The error's own display quotes the line, and the line may hold a password.
            let line = file.line(error.span().map_or(0, |span| span.start));
            let place = format!("{}, line {line}", path.display());
            document.unreadable(Problem::new(place, format!("not TOML: {}", error.message())));
        }
    }
}

/// The file while it is read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// The number of the line that holds this byte.
    fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }

    fn lay_table(&self, document: &mut Document, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match path {
                "" => name.get_ref().to_string(),
                path => format!("{path}.{}", name.get_ref()),
            };
            let origin = Origin::File(self.path.to_owned(), self.line(name.span().start));
            self.lay_value(document, &path, value, origin);
        }
    }

    fn lay_value(&self, document: &mut Document, path: &str, value: &Spanned<DeValue<'_>>, origin: Origin) {
        match value.get_ref() {
            DeValue::Table(table) if table.is_empty() && path.contains('.') => {
                let text = format!("this section is empty: fill it or remove it ({origin})");
                document.problem(Problem::at(path, text, origin));
            }
            DeValue::Table(table) if !table.is_empty() || document.is_section(path) => {
                self.lay_table(document, path, table);
            }
            DeValue::Array(elements) if document.is_section(path) => {
                for (index, element) in elements.iter().enumerate() {
                    let origin = Origin::File(self.path.to_owned(), self.line(element.span().start));
                    self.lay_value(document, &format!("{path}.{index}"), element, origin);
                }
            }
            value => leaf(document, path, plain(value), origin),
        }
    }
}

fn leaf(document: &mut Document, path: &str, value: Value, origin: Origin) {
    let from_file =
        path.strip_suffix("_file").filter(|path| document.key(path).is_some_and(Key::may_come_from_file));
    let (path, value) = match (from_file, value) {
        (Some(path), Value::String(file)) => match read_value(Path::new(&file)) {
            Ok(text) => (path, Value::String(text)),
            Err(text) => return document.broken(path, &origin, &text),
        },
        (_, value) => (path, value),
    };
    document.set(path, value, origin);
}

/// A TOML value as the layers know it.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => integer(number),
        DeValue::Float(number) => {
            number.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        DeValue::Boolean(yes) => Value::from(*yes),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(elements) => elements.iter().map(|element| plain(element.get_ref())).collect(),
        DeValue::Table(table) => {
            table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect()
        }
    }
}

fn integer(number: &DeInteger<'_>) -> Value {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Value::from(number),
        // Too large for any setting.
        Err(_) => Value::from(f64::MAX),
    }
}

/// Reads a value kept in a file of its own, without the line end that editors add.
pub(super) fn read_value(path: &Path) -> Result<String, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(format!("cannot read {}: {}", path.display(), error.kind())),
    }
}
