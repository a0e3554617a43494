//! The distinguished name of a CA, comparable however it was written down.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The name of a certificate's issuer, such as `CN=ca.company.com, O=Company`.
///
/// Read from what openssl prints (`issuer=C = US, O = Company`, `/C=US/O=Company`) or from RFC 4514.
/// Attributes are kept sorted, since tools print them in either direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Issuer(Vec<(String, String)>);

/// The text is no distinguished name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is written as `openssl x509 -noout -issuer` prints it: CN=ca.company.com, O=Company")]
pub(crate) struct Error;

impl Issuer {
    /// The name as it stands in a certificate.
    pub(crate) fn of(name: &X509Name<'_>) -> Self {
        Self::sorted(name.iter_attributes().map(|attribute| (kind(attribute), value(attribute))).collect())
    }

    fn sorted(mut attributes: Vec<(String, String)>) -> Self {
        attributes.sort();
        Self(attributes)
    }
}

fn kind(attribute: &AttributeTypeAndValue<'_>) -> String {
    match oid2sn(attribute.attr_type(), oid_registry()) {
        Ok(name) => canonical_kind(name),
        Err(_) => attribute.attr_type().to_id_string(),
    }
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.trim().to_owned(),
        Err(_) => attribute.as_slice().iter().fold("#".to_owned(), |hex, octet| format!("{hex}{octet:02x}")),
    }
}

/// One spelling for the attribute names that tools disagree on.
fn canonical_kind(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    let short = match name.as_str() {
        "COMMONNAME" => "CN",
        "COUNTRYNAME" => "C",
        "DOMAINCOMPONENT" => "DC",
        "E" | "EMAIL" => "EMAILADDRESS",
        "LOCALITYNAME" => "L",
        "ORGANIZATIONALUNITNAME" | "ORGANIZATIONALUNIT" => "OU",
        "ORGANIZATIONNAME" => "O",
        "S" | "STATEORPROVINCENAME" => "ST",
        "USERID" => "UID",
        other => other,
    };
    short.to_owned()
}

impl FromStr for Issuer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let text = text.strip_prefix("issuer=").unwrap_or(text).trim_start();
        let parts = match text.strip_prefix('/') {
            Some(rest) => split(rest, &['/']),
            None => split(text, &[',', '+', ';']),
        };
        let attributes: Result<_, Error> = parts.iter().map(|part| attribute(part)).collect();
        Ok(Self::sorted(attributes?))
    }
}

fn attribute(part: &str) -> Result<(String, String), Error> {
    let (kind, value) = part.split_once('=').ok_or(Error)?;
    let (kind, value) = (kind.trim(), value.trim());
    let named = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if !named || value.is_empty() {
        return Err(Error);
    }
    Ok((canonical_kind(kind), value.to_owned()))
}

/// Splits at separators that stand outside quotes and are not escaped, dropping quotes and escapes.
fn split(text: &str, separators: &[char]) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        if !escaped && letter == '\\' {
            escaped = true;
            continue;
        }
        if !escaped && letter == '"' {
            quoted = !quoted;
        } else if !escaped && !quoted && separators.contains(&letter) {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
        escaped = false;
    }
    parts
}

impl TryFrom<String> for Issuer {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.to_string()
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{kind}={}", escape(value))?;
        }
        Ok(())
    }
}

/// Escapes what would read as syntax, and control characters, which have no place in a log line.
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    for letter in value.chars() {
        match letter {
            ',' | '+' | ';' | '"' | '\\' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Issuer {
        text.parse().unwrap()
    }

    #[test]
    fn every_tool_s_spelling_is_the_same_name() {
        let name = issuer("C=US, O=Company, CN=ca.company.com");
        for spelling in [
            "issuer=C = US, O = Company, CN = ca.company.com",
            "CN=ca.company.com,O=Company,C=US",
            "/C=US/O=Company/CN=ca.company.com",
            "c=US,o=Company,cn=ca.company.com",
        ] {
            assert_eq!(issuer(spelling), name, "{spelling}");
        }
        assert_ne!(issuer("C=US, O=Other, CN=ca.company.com"), name);
    }

    #[test]
    fn commas_in_values_are_quoted_or_escaped() {
        let name = issuer(r#"O = "Company, Inc.", CN = ca"#);
        assert_eq!(issuer(r"O=Company\, Inc.,CN=ca"), name);
        assert_eq!(name.to_string(), r"CN=ca, O=Company\, Inc.");
        assert_eq!(issuer(&name.to_string()), name);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "ca.company.com", "CN=", "=x", "CN=a,,O=b"] {
            assert_eq!(text.parse::<Issuer>(), Err(Error), "{text:?}");
        }
    }
}
