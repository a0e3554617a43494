//! One line of a settings file as it should be, so that a person or a program can be told what to write where.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::{Table, Value};

use super::key::is_index;

/// A line of a settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// The file.
    pub(crate) file: PathBuf,
    /// The number that the line has afterwards, from 1.
    pub(crate) number: usize,
    /// Whether it takes the place of the line that has this number, or stands before it.
    pub(crate) replaces: bool,
    /// What it reads.
    pub(crate) text: String,
}

impl Line {
    /// The line that gives `path` a value, written in TOML. `at` is the line where it has one now, if it has.
    ///
    /// `None` where one line can't do that and leave all else as it is.
    pub(crate) fn setting(
        file: &Path,
        text: &str,
        at: Option<usize>,
        path: &str,
        value: &str,
    ) -> Option<Line> {
        let line = match at {
            Some(number) => replacing(file, text, number, path, value)?,
            None => inserting(file, text, path, value)?,
        };
        let mut wanted: Table = text.parse().ok()?;
        let value: Table = format!("value = {value}").parse().ok()?;
        put(&mut wanted, path, value.get("value")?.clone())?;
        (line.applied(text).parse::<Table>().ok()? == wanted).then_some(line)
    }

    /// The line in which the word `from` is `to`, at this number or in the heading of its section.
    pub(crate) fn renaming(file: &Path, text: &str, at: usize, from: &str, to: &str) -> Option<Line> {
        let lines: Vec<&str> = text.lines().collect();
        let is_heading = |number: &usize| lines[number - 1].trim_start().starts_with('[');
        let here = std::iter::once(at).filter(|number| (1..=lines.len()).contains(number));
        let above = (1..at.min(lines.len() + 1)).rev().filter(is_heading).take(1);
        here.chain(above).find_map(|number| {
            let text = renamed(lines[number - 1], from, to)?;
            Some(Line { file: file.to_owned(), number, replaces: true, text })
        })
    }

    /// The heading above this number, as one of an element of a list: `[[payment]]`, not `[payment]`.
    pub(crate) fn listing(file: &Path, text: &str, at: usize) -> Option<Line> {
        let headings = text.lines().zip(1..).take(at).filter(|(line, _)| line.trim_start().starts_with('['));
        let (heading, number) = headings.last()?;
        let section = heading.trim().strip_prefix('[')?.strip_suffix(']')?;
        let text = format!("[[{section}]]");
        (!section.starts_with('[')).then(|| Line { file: file.to_owned(), number, replaces: true, text })
    }

    /// The text of the file with this line.
    pub(crate) fn applied(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        let at = self.number.saturating_sub(1).min(lines.len());
        let end = if self.replaces { (at + 1).min(lines.len()) } else { at };
        lines.splice(at..end, [self.text.as_str()]);
        lines.join("\n") + "\n"
    }
}

fn replacing(file: &Path, text: &str, number: usize, path: &str, value: &str) -> Option<Line> {
    let line = text.lines().nth(number.checked_sub(1)?)?;
    let (name, _) = line.split_once('=')?;
    let text = format!("{} = {value}", name.trim_end());
    let leaf = path.rsplit('.').next()?;
    let is_of_path = name.trim().rsplit('.').next().is_some_and(|last| last.trim() == leaf);
    is_of_path.then(|| Line { file: file.to_owned(), number, replaces: true, text })
}

fn inserting(file: &Path, text: &str, path: &str, value: &str) -> Option<Line> {
    let (section, leaf) = path.rsplit_once('.').unwrap_or(("", path));
    let line = |number, text| Some(Line { file: file.to_owned(), number, replaces: false, text });
    match heading(text, section) {
        Some(above) => line(above + 1, format!("{leaf} = {value}")),
        None if section.split('.').any(is_index) => None,
        None => line(1, format!("{path} = {value}")),
    }
}

/// The number of the line that opens this section: `[tls]`, or the second `[[clients]]` for `clients.1`.
fn heading(text: &str, section: &str) -> Option<usize> {
    let (wanted, nth) = match section.rsplit_once('.') {
        Some((list, index)) if is_index(index) => (format!("[[{list}]]"), index.parse().ok()?),
        _ => (format!("[{section}]"), 0),
    };
    let numbered = text.lines().zip(1..);
    let headings = numbered.filter(|(line, _)| line.split('#').next().unwrap_or_default().trim() == wanted);
    headings.map(|(_, number)| number).nth(nth)
}

fn put(table: &mut Table, path: &str, value: Value) -> Option<()> {
    let (first, rest) = match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
            return Some(());
        }
        Some(parts) => parts,
    };
    match table.entry(first).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value),
        Value::Array(elements) => {
            let (index, rest) = rest.split_once('.')?;
            put(elements.get_mut(index.parse::<usize>().ok()?)?.as_table_mut()?, rest, value)
        }
        _ => None,
    }
}

/// The line with the first `from` that stands alone as a word before any `=` in the place of `to`.
fn renamed(line: &str, from: &str, to: &str) -> Option<String> {
    let name = line.split('=').next()?;
    let is_word = |at: usize| {
        let part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        !name[..at].ends_with(part) && !name[at + from.len()..].starts_with(part)
    };
    let (at, _) = name.match_indices(from).find(|(at, _)| is_word(*at))?;
    Some(format!("{}{to}{}", &line[..at], &line[at + from.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a shop
address = \":3051\"  # everywhere
order.ttl_s = 60

[tls]
key = \"a.key\"

[[clients]]
name = \"one\"
serials = [
  \"1\",
]
[[clients]]
name = \"two\"
serials = [\"2\"]
";

    fn set(at: Option<usize>, path: &str, value: &str) -> Option<(usize, bool, String)> {
        let line = Line::setting(Path::new("f"), FILE, at, path, value)?;
        Some((line.number, line.replaces, line.text))
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        let replaced = |number, text: &str| Some((number, true, text.to_owned()));
        assert_eq!(set(Some(2), "address", "\":1\""), replaced(2, "address = \":1\""));
        assert_eq!(set(Some(3), "order.ttl_s", "5"), replaced(3, "order.ttl_s = 5"));
        assert_eq!(set(Some(6), "tls.key", "\"b\""), replaced(6, "key = \"b\""));
        assert_eq!(set(Some(15), "clients.1.serials", "[\"3\"]"), replaced(15, "serials = [\"3\"]"));
    }

    #[test]
    fn a_new_value_goes_to_its_section() {
        let inserted = |number, text: &str| Some((number, false, text.to_owned()));
        assert_eq!(set(None, "insecure", "true"), inserted(1, "insecure = true"));
        assert_eq!(set(None, "log.level", "\"warn\""), inserted(1, "log.level = \"warn\""));
        assert_eq!(set(None, "order.other", "1"), inserted(1, "order.other = 1"));
        assert_eq!(set(None, "tls.crt", "\"c\""), inserted(6, "crt = \"c\""));
        assert_eq!(set(None, "clients.1.issuer", "\"CN=x\""), inserted(14, "issuer = \"CN=x\""));
        let fresh = Line::setting(Path::new("f"), "", None, "tls.key", "\"k\"").unwrap();
        assert_eq!(fresh.applied(""), "tls.key = \"k\"\n");
    }

    #[test]
    fn what_one_line_cannot_do_is_left_to_a_person() {
        assert_eq!(set(Some(10), "clients.0.serials", "[\"3\"]"), None, "a list over several lines");
        assert_eq!(set(None, "clients.2.name", "\"x\""), None, "no such client");
        assert_eq!(set(Some(2), "tls.key", "\"x\""), None, "another setting's line");
        let inline = "tls = { key = \"a\" }\n";
        assert_eq!(Line::setting(Path::new("f"), inline, Some(1), "tls.key", "\"b\""), None);
        assert_eq!(Line::setting(Path::new("f"), inline, None, "tls.crt", "\"b\""), None);
    }

    #[test]
    fn a_word_is_renamed_in_its_line_or_in_the_heading() {
        let rename = |text: &str, at, from: &str, to: &str| {
            let line = Line::renaming(Path::new("f"), text, at, from, to)?;
            Some((line.number, line.text))
        };
        let found = |number, text: &str| Some((number, text.to_owned()));
        assert_eq!(rename("adress = ':1'", 1, "adress", "address"), found(1, "address = ':1'"));
        let file = "[storag]\n# a comment\nhandler = 'storag'\n";
        assert_eq!(rename(file, 3, "storag", "storage"), found(1, "[storage]"));
        assert_eq!(rename(file, 3, "handle", "x"), None);
    }

    #[test]
    fn a_section_becomes_an_element_of_a_list() {
        let list =
            |text: &str, at| Line::listing(Path::new("f"), text, at).map(|line| (line.number, line.text));
        assert_eq!(list("[tls]\n[payment]\nprovider = 'x'\n", 3), Some((2, "[[payment]]".to_owned())));
        assert_eq!(list("[[payment]]\nprovider = 'x'\n", 2), None);
        assert_eq!(list("address = 'x'\n", 1), None);
    }
}
