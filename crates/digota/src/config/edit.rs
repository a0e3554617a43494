//! Takes clients and certificates out of the text of a settings file, and leaves the rest as somebody wrote it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing to take out, by its place in the list `clients` of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// A whole entry.
    Client(usize),
    /// One certificate of an entry: the list that names it, `serials` or `fingerprints`, and its place there.
    Certificate(usize, &'static str, usize),
}

/// The file is written in a way that can't be edited without harm to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its clients are written in a way that only a person can edit")]
pub(crate) struct Unusual;

/// The text without these things. Every line of comment stays, and `note` stands as one where an entry was.
pub(crate) fn without(text: &str, cuts: &[Cut], note: &str) -> Result<String, Unusual> {
    let mut cuts = cuts.to_vec();
    // From the end on, so that places stay what they are.
    cuts.sort_unstable();
    cuts.reverse();
    let mut edited = text.to_owned();
    for &cut in &cuts {
        edited = take_out(&edited, cut, note)?;
    }
    if meaning(&edited)? == meaning_without(text, &cuts)? { Ok(edited) } else { Err(Unusual) }
}

fn take_out(text: &str, cut: Cut, note: &str) -> Result<String, Unusual> {
    let root = DeTable::parse(text).map_err(|_| Unusual)?;
    let clients =
        root.get_ref().get("clients").and_then(|clients| clients.get_ref().as_array()).ok_or(Unusual)?;
    let spans = |elements: &[Spanned<DeValue<'_>>]| elements.iter().map(Spanned::span).collect::<Vec<_>>();
    match cut {
        Cut::Client(at) => {
            let entry = clients.get(at).ok_or(Unusual)?;
            if text[entry.span()].starts_with("[[") {
                let end = end_of(entry.get_ref()).unwrap_or(entry.span().end);
                return Ok(without_section(text, entry.span().start..end, note));
            }
            Ok(without_element(text, &spans(clients), at))
        }
        Cut::Certificate(client, list, at) => {
            let entry = clients.get(client).and_then(|entry| entry.get_ref().as_table()).ok_or(Unusual)?;
            let list = entry.get(list).and_then(|list| list.get_ref().as_array()).ok_or(Unusual)?;
            Ok(without_element(text, &spans(list), at))
        }
    }
}

/// Where the last value of a section ends.
fn end_of(section: &DeValue<'_>) -> Option<usize> {
    section.as_table()?.iter().map(|(_, value)| value.span().end).max()
}

/// The text without the lines of `section`, its comments excepted.
fn without_section(text: &str, section: Range<usize>, note: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let here = at..at + line.len();
        at = here.end;
        if here.contains(&section.start) {
            let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
            kept.push_str(&format!("# {note}{end}"));
        } else if here.end <= section.start || here.start >= section.end || line.trim_start().starts_with('#')
        {
            kept.push_str(line);
        }
    }
    kept
}

/// The text without one element of an array and the comma that goes with it.
fn without_element(text: &str, elements: &[Range<usize>], at: usize) -> String {
    let element = elements[at].clone();
    let before = at.checked_sub(1).and_then(|previous| comma_after(text, elements[previous].end));
    let comma = comma_after(text, element.end).or(before).map_or(element.end..element.end, |at| at..at + 1);
    let mut parts = [element.clone(), comma];
    parts.sort_by_key(|part| part.start);
    let [first, second] = parts;
    let head = &text[..first.start];
    let tail = format!("{}{}", &text[first.end..second.start], &text[second.end..]);
    join(head, &tail)
}

/// Closes the gap between what stands before a cut and what stands after it.
fn join(head: &str, tail: &str) -> String {
    let line = &head[head.rfind('\n').map_or(0, |at| at + 1)..];
    let rest = tail.trim_start_matches([' ', '\t']);
    let ends_line = rest.starts_with('\n') || rest.starts_with("\r\n");
    if line.trim().is_empty() && ends_line {
        // Nothing else stood on this line.
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        return format!("{}{}", &head[..head.len() - line.len()], &rest[1..]);
    }
    if rest.starts_with(']') || ends_line {
        return format!("{}{rest}", head.trim_end_matches([' ', '\t']));
    }
    if head.ends_with([' ', '\t', '[']) {
        return format!("{head}{rest}");
    }
    format!("{head}{tail}")
}

/// The comma that follows an element, past white space and comments.
fn comma_after(text: &str, from: usize) -> Option<usize> {
    let mut in_comment = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'\n' => in_comment = false,
            _ if in_comment => {}
            b',' => return Some(at),
            b'#' => in_comment = true,
            byte if byte.is_ascii_whitespace() => {}
            _ => return None,
        }
    }
    None
}

fn meaning(text: &str) -> Result<toml::Table, Unusual> {
    let mut table: toml::Table = text.parse().map_err(|_| Unusual)?;
    if table.get("clients").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
        table.remove("clients");
    }
    Ok(table)
}

/// What a text without these things would mean; the cuts come from the end on.
fn meaning_without(text: &str, cuts: &[Cut]) -> Result<toml::Table, Unusual> {
    let mut table = meaning(text)?;
    let clients = table.get_mut("clients").and_then(toml::Value::as_array_mut).ok_or(Unusual)?;
    for cut in cuts {
        let (list, at) = match *cut {
            Cut::Client(at) => (Some(&mut *clients), at),
            Cut::Certificate(client, list, at) => {
                let list = clients.get_mut(client).and_then(|client| client.get_mut(list));
                (list.and_then(toml::Value::as_array_mut), at)
            }
        };
        let list = list.filter(|list| at < list.len()).ok_or(Unusual)?;
        list.remove(at);
    }
    if clients.is_empty() {
        table.remove("clients");
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# The shop's server.
address = ":3051"   # every interface

# The web shop
[[clients]]
name = "shop"           # not the test shop
serials = ["0A:BC", "dec:7"]
# It may not read.
scopes = ["WRITE"]

# What the accountants use
[[clients]]
name = "reports"
serials = [
    # Ada's
    "aa",
    "bb", # Ben's
]
scopes = ["READ"]

[order]
ttl_s = 60  # a minute
"#;

    fn check(cuts: &[Cut], expected: &str) {
        assert_eq!(without(FILE, cuts, "shop was here").unwrap(), expected);
    }

    #[test]
    fn an_entry_goes_and_every_comment_stays() {
        let entry =
            "[[clients]]\nname = \"shop\"           # not the test shop\nserials = [\"0A:BC\", \"dec:7\"]\n";
        let expected = FILE.replace(entry, "# shop was here\n").replace("scopes = [\"WRITE\"]\n", "");
        check(&[Cut::Client(0)], &expected);
    }

    #[test]
    fn a_certificate_goes_from_a_list_on_one_line() {
        check(&[Cut::Certificate(0, "serials", 0)], &FILE.replace("[\"0A:BC\", \"dec:7\"]", "[\"dec:7\"]"));
        check(&[Cut::Certificate(0, "serials", 1)], &FILE.replace("[\"0A:BC\", \"dec:7\"]", "[\"0A:BC\"]"));
        let both = [Cut::Certificate(0, "serials", 0), Cut::Certificate(0, "serials", 1)];
        check(&both, &FILE.replace("[\"0A:BC\", \"dec:7\"]", "[]"));
    }

    #[test]
    fn a_certificate_goes_from_a_list_on_several_lines_and_every_comment_stays() {
        check(&[Cut::Certificate(1, "serials", 0)], &FILE.replace("    \"aa\",\n", ""));
        check(&[Cut::Certificate(1, "serials", 1)], &FILE.replace("    \"bb\", # Ben's\n", "    # Ben's\n"));
    }

    #[test]
    fn several_entries_go_at_once() {
        let edited = without(FILE, &[Cut::Client(0), Cut::Client(1)], "gone").unwrap();
        assert!(!edited.contains("[[clients]]") && edited.matches("# gone\n").count() == 2, "{edited}");
        for kept in ["address = \":3051\"   # every interface", "ttl_s = 60  # a minute", "# Ada's\n"] {
            assert!(edited.contains(kept), "{kept}\n{edited}");
        }
    }

    #[test]
    fn entries_on_one_line_go_too() {
        let file = "clients = [{ name = \"a\", serials = [\"1\"], scopes = [\"READ\"] }, { name = \"b\", serials = [\"2\"] }]\n";
        let one = "clients = [{ name = \"b\", serials = [\"2\"] }]\n";
        assert_eq!(without(file, &[Cut::Client(0)], "").unwrap(), one);
        let other = "clients = [{ name = \"a\", serials = [\"1\"], scopes = [\"READ\"] }]\n";
        assert_eq!(without(file, &[Cut::Client(1)], "").unwrap(), other);
    }

    #[test]
    fn lines_that_end_as_on_windows_stay_so() {
        let file = FILE.replace('\n', "\r\n");
        let edited = without(&file, &[Cut::Client(1), Cut::Certificate(0, "serials", 0)], "gone").unwrap();
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count(), "{edited:?}");
    }

    #[test]
    fn what_can_not_be_edited_without_harm_is_left_alone() {
        let numbered = "[clients.0]\nname = \"a\"\nserials = [\"1\"]\n";
        assert_eq!(without(numbered, &[Cut::Client(0)], ""), Err(Unusual));
        assert_eq!(without(FILE, &[Cut::Client(2)], ""), Err(Unusual));
        assert_eq!(without("not TOML", &[Cut::Client(0)], ""), Err(Unusual));
    }
}
