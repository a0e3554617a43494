//! The SHA-256 of a certificate: the strictest way to name one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a certificate in DER form.
///
/// Read from 64 hexadecimal digits in either case, with or without colons, as
/// `openssl x509 -fingerprint -sha256` prints them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Fingerprint(String);

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is the 64 hexadecimal digits of `openssl x509 -fingerprint -sha256`")]
pub(crate) struct Error;

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub(crate) fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).iter().map(|octet| format!("{octet:02x}")).collect())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.trim().replace(':', "");
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error);
        }
        Ok(Self(digits.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the three letters "abc", from FIPS 180-2.
    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_the_sha256_of_the_octets() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), OF_ABC);
    }

    #[test]
    fn case_and_colons_do_not_matter() {
        let colons: Vec<&str> = (0..32).map(|at| &OF_ABC[2 * at..2 * at + 2]).collect();
        let openssl = colons.join(":").to_ascii_uppercase();
        assert_eq!(openssl.parse(), Ok(Fingerprint::of(b"abc")));
    }

    #[test]
    fn a_shorter_digest_is_refused() {
        assert_eq!("a9993e364706816aba3e25717850c26c9cd0d89d".parse::<Fingerprint>(), Err(Error));
        assert_eq!("é".repeat(32).parse::<Fingerprint>(), Err(Error));
    }
}
