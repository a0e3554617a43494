//! Values that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// What stands for a secret wherever one would be shown.
pub(super) const HIDDEN: &str = "(hidden)";

/// A secret text: wiped from memory when dropped, never shown by `Debug` or `Serialize`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Where something is: a path, `host:port`, a comma list of them, or a URL. A password within a URL is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Address(String);

impl Address {
    /// The address itself, password included.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.0.split_once("://").and_then(|(scheme, rest)| {
            let authority = rest.split(['/', '?', '#']).next()?;
            let (user_info, _) = authority.rsplit_once('@')?;
            let (user, _) = user_info.split_once(':')?;
            Some((scheme, user, &rest[user_info.len()..]))
        });
        match credentials {
            Some((scheme, user, rest)) => write!(out, "{scheme}://{user}:{HIDDEN}{rest}"),
            None => out.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.to_string())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), HIDDEN);
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{HIDDEN}\""));
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let check = |address: &str, shown: &str| assert_eq!(Address::from(address).to_string(), shown);
        check("digota.db", "digota.db");
        check("a:27017,b:27017", "a:27017,b:27017");
        check("redis://cache:6379/0", "redis://cache:6379/0");
        check("postgres://me@db/shop", "postgres://me@db/shop");
        check("postgres://me:pw@db/shop?x=a@b:c", "postgres://me:(hidden)@db/shop?x=a@b:c");
        check("redis://:p@w@cache", "redis://:(hidden)@cache");
    }
}
