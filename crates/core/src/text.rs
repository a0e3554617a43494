//! Rules for text and lists that clients send. Each check adds what it finds to the request's violations.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;

use crate::error::{Error, Result, Violation};

/// The longest name, in bytes.
pub const NAME_MAX: usize = 256;
/// The longest description, in bytes.
pub const DESCRIPTION_MAX: usize = 2055;
/// The longest URL, in bytes.
pub const URL_MAX: usize = 2048;
/// The longest other line of text (address lines, statements, reasons), in bytes.
pub const LINE_MAX: usize = 512;
/// The most entries of a metadata or attribute map.
pub const MAP_MAX: usize = 50;
/// The longest key of such a map, in bytes.
pub const MAP_KEY_MAX: usize = 64;
/// The longest value of such a map, in bytes.
pub const MAP_VALUE_MAX: usize = 512;
/// The most entries of a list of names or images.
pub const LIST_MAX: usize = 50;

/// Checks a value whose rules know where to put what they find.
///
/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn valid(check: impl FnOnce(&mut Violations)) -> Result<()> {
    let mut all = Violations::new();
    check(&mut all);
    all.end()
}

/// An entry of a map, for people; a long key is cut.
struct Entry<'a> {
    field: &'a str,
    key: &'a str,
}

impl Display for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short: String = self.key.chars().take(32).collect();
        write!(f, "{}[{short:?}]", self.field)
    }
}

/// Collects everything that is wrong with a request. A field's name is only put together where there is something to note.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a field is wrong.
    pub fn add(&mut self, field: impl Display, description: impl Into<String>) {
        self.0.push(Violation::new(field.to_string(), description));
    }

    /// Notes that a field is wrong unless `good`.
    pub fn check(&mut self, good: bool, field: impl Display, description: &str) {
        if !good {
            self.add(field, description);
        }
    }

    /// Whether anything is wrong.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Nothing wrong, or all that is.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation.
    pub fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// Text on one or more lines: bounded, without control characters but line ends and tabs.
    pub fn text(&mut self, field: impl Display, text: &str, max: usize) {
        if text.len() > max {
            self.add(&field, format!("is longer than {max} bytes"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.add(field, "has control characters");
        }
    }

    /// Text on one line, bounded; may be empty.
    pub fn line(&mut self, field: impl Display, text: &str, max: usize) {
        if text.len() > max {
            self.add(&field, format!("is longer than {max} bytes"));
        }
        if text.chars().any(char::is_control) {
            self.add(field, "has control characters");
        }
    }

    /// A name: one line that says something.
    pub fn name(&mut self, field: impl Display, name: &str) {
        if name.trim().is_empty() {
            self.add(&field, "is required");
        }
        self.line(field, name, NAME_MAX);
    }

    /// An absolute http or https URL without credentials; may be empty.
    pub fn url(&mut self, field: impl Display, url: &str) {
        if !url.is_empty() && !is_url(url) {
            self.add(field, "must be an http or https URL without credentials");
        }
    }

    /// Where a buyer's browser comes back to; may be empty. Plain http would show the buyer's payment to everybody on the way: it
    /// will do on one's own machine, and `in_play`, where no real money moves.
    pub fn return_url(&mut self, field: impl Display, url: &str, in_play: bool) {
        let is_private = url.starts_with("https://") || in_play || is_loopback(host(url));
        match url.is_empty() || is_private || !is_url(url) {
            true => self.url(field, url),
            false => self.add(field, "must be an https URL; http is for localhost and for the sandbox"),
        }
    }

    /// An e-mail address; may be empty.
    pub fn email(&mut self, field: impl Display, email: &str) {
        if !email.is_empty() && !is_email(email) {
            self.add(field, "must be an e-mail address");
        }
    }

    /// A list of names.
    pub fn names(&mut self, field: &str, names: &[String]) {
        self.list_length(field, names.len());
        for (i, name) in names.iter().enumerate().take(LIST_MAX) {
            self.name(format_args!("{field}[{i}]"), name);
        }
    }

    /// A list of URLs, none empty.
    pub fn urls(&mut self, field: &str, urls: &[String]) {
        self.list_length(field, urls.len());
        for (i, url) in urls.iter().enumerate().take(LIST_MAX) {
            self.check(!url.is_empty(), format_args!("{field}[{i}]"), "is empty");
            self.url(format_args!("{field}[{i}]"), url);
        }
    }

    /// A map of the client's own notes.
    pub fn map(&mut self, field: &str, map: &BTreeMap<String, String>) {
        if map.len() > MAP_MAX {
            self.add(field, format!("has more than {MAP_MAX} entries"));
            return;
        }
        for (key, value) in map {
            let entry = Entry { field, key };
            self.check(!key.trim().is_empty(), &entry, "has an empty key");
            self.line(&entry, key, MAP_KEY_MAX);
            self.text(&entry, value, MAP_VALUE_MAX);
        }
    }

    fn list_length(&mut self, field: &str, length: usize) {
        if length > LIST_MAX {
            self.add(field, format!("has more than {LIST_MAX} entries"));
        }
    }
}

fn is_url(url: &str) -> bool {
    url.len() <= URL_MAX
        && !host(url).is_empty()
        && !authority(url).contains('@')
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// `host:80` of `http://host:80/path`; empty for other schemes.
fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// `host` of `http://host:80/path`, and `[::1` of an address in brackets.
fn host(url: &str) -> &str {
    let authority = authority(url);
    match authority.split_once(']') {
        Some((bracketed, _)) => bracketed,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    let label = |l: &str| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-');
    email.len() <= 254
        && (1..=64).contains(&local.len())
        && !email.chars().any(|c| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !domain.contains('@')
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_schemes_or_with_credentials_are_refused() {
        for good in ["https://digota.com", "http://a.b/c?d#e", "https://[::1]/", "http://host:80/x"] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ftp://a",
            "https://",
            "https://u:p@h/",
            "http://a b",
            "//h",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn browsers_come_back_over_https_unless_nobody_else_can_look_on() {
        let ask = |url: &str, in_play| {
            let mut all = Violations::new();
            all.return_url("return_url", url, in_play);
            all.end().is_ok()
        };
        for good in [
            "",
            "https://shop.example/thanks",
            "http://localhost:8080/",
            "http://127.0.0.1/",
            "http://[::1]:8/x",
        ] {
            assert!(ask(good, false), "{good}");
        }
        for bad in [
            "http://shop.example/thanks",
            "http://localhost.shop.example/",
            "http://127.0.0.1.shop.example/",
            "http://10.0.0.1/",
        ] {
            assert!(!ask(bad, false), "{bad}");
            assert!(ask(bad, true), "{bad}");
        }
        for bad in
            ["javascript:alert(1)", "http://", "http://u:p@localhost/", "http://localhost@shop.example/"]
        {
            assert!(!ask(bad, false) && !ask(bad, true), "{bad}");
        }
    }

    #[test]
    fn email_addresses_need_one_at_and_no_line_ends() {
        for good in ["a@b.c", "first.last+tag@sub.example.com", "ü@example.org", "root@localhost"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@@b.c",
            "a@b@c",
            "a@b\r\nBcc: x@y.z",
            "a b@c.d",
            "a@-b.c",
            ".a@b.c",
            "a@b..c",
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let mut all = Violations::new();
        all.name("name", "  ");
        all.url("url", "x");
        all.map("metadata", &BTreeMap::from([(String::new(), "a\u{0}b".to_owned())]));
        let Err(Error::Invalid(list)) = all.end() else { panic!("must be invalid") };
        assert_eq!(list.len(), 4, "{list:?}");
    }
}
