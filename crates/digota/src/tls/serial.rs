//! The serial number of a certificate, in whichever spelling people copy it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest serial that RFC 5280 allows, in octets.
const OCTETS_MAX: usize = 20;

/// A certificate's serial number: positive, at most 20 octets.
///
/// Read from hexadecimal as openssl prints it, in either case, with colons, leading zeros or a
/// leading `0x`; or from decimal as `dec:1234`. Shown as lower-case hexadecimal without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Serial(String);

/// Why a text or a certificate holds no usable serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A character that is not a digit of the expected base, or no digit at all.
    #[error("a serial is hexadecimal as `openssl x509 -serial` prints it, or decimal as dec:1234")]
    NotANumber,
    /// Zero names no certificate.
    #[error("a serial is not zero")]
    Zero,
    /// RFC 5280 asks for positive serials.
    #[error("a serial is not negative")]
    Negative,
    /// More than RFC 5280 allows.
    #[error("a serial has at most {OCTETS_MAX} octets")]
    TooLong,
}

impl Serial {
    /// Reads the content octets of the DER integer, sign octet included.
    pub(crate) fn from_der(octets: &[u8]) -> Result<Self, Error> {
        match octets.first() {
            Some(first) if first & 0x80 != 0 => Err(Error::Negative),
            _ => Self::from_octets(octets),
        }
    }

    /// The spelling of `openssl x509 -serial`: upper case, whole octets.
    pub(crate) fn openssl(&self) -> String {
        let pad = if self.0.len() % 2 == 1 { "0" } else { "" };
        format!("{pad}{}", self.0.to_ascii_uppercase())
    }

    fn from_octets(octets: &[u8]) -> Result<Self, Error> {
        let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        Self::from_hexadecimal(&digits)
    }

    fn from_hexadecimal(digits: &str) -> Result<Self, Error> {
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::NotANumber);
        }
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Err(Error::Zero);
        }
        if significant.len() > 2 * OCTETS_MAX {
            return Err(Error::TooLong);
        }
        Ok(Self(significant.to_ascii_lowercase()))
    }

    fn from_decimal(digits: &str) -> Result<Self, Error> {
        if digits.is_empty() {
            return Err(Error::NotANumber);
        }
        let mut octets = [0u8; OCTETS_MAX];
        for digit in digits.chars() {
            let mut carry = digit.to_digit(10).ok_or(Error::NotANumber)?;
            for octet in octets.iter_mut().rev() {
                let [.., high, low] = (u32::from(*octet) * 10 + carry).to_be_bytes();
                *octet = low;
                carry = u32::from(high);
            }
            if carry != 0 {
                return Err(Error::TooLong);
            }
        }
        Self::from_octets(&octets)
    }
}

impl FromStr for Serial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Some(digits) = text.strip_prefix("dec:") {
            return Self::from_decimal(digits.trim());
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        Self::from_hexadecimal(&digits.replace(':', ""))
    }
}

impl TryFrom<String> for Serial {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, Error>) {
        assert_eq!(text.parse::<Serial>().map(String::from), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn five_spellings_of_one_serial_are_equal() {
        for spelling in ["abc", "0ABC", "0a:bc", "0x0abc", "dec:2748"] {
            check(spelling, Ok("abc"));
        }
        assert_eq!(Serial::from_der(&[0x0a, 0xbc]).map(String::from), Ok("abc".to_owned()));
    }

    #[test]
    fn digits_alone_are_hexadecimal_as_openssl_prints_them() {
        check("2748", Ok("2748"));
        check("dec:2748", Ok("abc"));
    }

    #[test]
    fn what_is_no_serial_is_refused() {
        check("", Err(Error::NotANumber));
        check(":", Err(Error::NotANumber));
        check("0x", Err(Error::NotANumber));
        check("dec:", Err(Error::NotANumber));
        check("xyz", Err(Error::NotANumber));
        check("-1", Err(Error::NotANumber));
        check("dec:12a", Err(Error::NotANumber));
        check("é", Err(Error::NotANumber));
        check("00:00", Err(Error::Zero));
        check("dec:0", Err(Error::Zero));
    }

    #[test]
    fn twenty_octets_are_the_most() {
        let most = "f".repeat(40);
        check(&most, Ok(&most));
        check(&format!("00{most}"), Ok(&most));
        check(&format!("1{most}"), Err(Error::TooLong));
        check("dec:1461501637330902918203684832716283019655932542975", Ok(&most));
        check("dec:1461501637330902918203684832716283019655932542976", Err(Error::TooLong));
        let mut der = vec![0x00];
        der.extend([0xff; 20]);
        assert_eq!(Serial::from_der(&der).map(String::from), Ok(most));
        assert_eq!(Serial::from_der(&[0x01; 21]), Err(Error::TooLong));
    }

    #[test]
    fn a_negative_serial_of_a_certificate_is_refused() {
        assert_eq!(Serial::from_der(&[0x80]), Err(Error::Negative));
        assert_eq!(Serial::from_der(&[0x00, 0x80]).map(String::from), Ok("80".to_owned()));
    }

    #[test]
    fn it_prints_as_openssl_does() {
        let serial: Serial = "abc".parse().unwrap();
        assert_eq!(serial.openssl(), "0ABC");
    }
}
