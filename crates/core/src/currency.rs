//! The 128 currencies of the wire contract, with the digits of their smallest unit.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency of the wire contract, by its number there: 1 to 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u8);

/// Whether a currency can still be paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In use, and in ISO 4217.
    Current,
    /// In use, but not in ISO 4217: pegged to the pound.
    Local,
    /// No longer legal tender: kept since old records may hold it.
    Retired,
}

use Standing::{Current, Local, Retired};

/// Code, digits after the point, standing; at the index of the number less one.
const TABLE: [(&str, u8, Standing); 128] = [
    ("AFN", 2, Current),
    ("ALL", 2, Current),
    ("AMD", 2, Current),
    ("ANG", 2, Retired),
    ("ARS", 2, Current),
    ("AUD", 2, Current),
    ("AWG", 2, Current),
    ("AZN", 2, Current),
    ("BAM", 2, Current),
    ("BBD", 2, Current),
    ("BGN", 2, Retired),
    ("BHD", 3, Current),
    ("BMD", 2, Current),
    ("BND", 2, Current),
    ("BOB", 2, Current),
    ("BRL", 2, Current),
    ("BSD", 2, Current),
    ("BWP", 2, Current),
    ("BYN", 2, Current),
    ("BYR", 0, Retired),
    ("BZD", 2, Current),
    ("CAD", 2, Current),
    ("CLP", 0, Current),
    ("CNY", 2, Current),
    ("COP", 2, Current),
    ("CRC", 2, Current),
    ("CUP", 2, Current),
    ("CZK", 2, Current),
    ("DKK", 2, Current),
    ("DOP", 2, Current),
    ("DZD", 2, Current),
    ("EEK", 2, Retired),
    ("EGP", 2, Current),
    ("EUR", 2, Current),
    ("FJD", 2, Current),
    ("FKP", 2, Current),
    ("GBP", 2, Current),
    ("GGP", 2, Local),
    ("GHC", 2, Retired),
    ("GIP", 2, Current),
    ("GTQ", 2, Current),
    ("GYD", 2, Current),
    ("HKD", 2, Current),
    ("HNL", 2, Current),
    ("HRK", 2, Retired),
    ("HUF", 2, Current),
    ("IDR", 2, Current),
    ("ILS", 2, Current),
    ("IMP", 2, Local),
    ("INR", 2, Current),
    ("IQD", 3, Current),
    ("IRR", 2, Current),
    ("ISK", 0, Current),
    ("JEP", 2, Local),
    ("JMD", 2, Current),
    ("JOD", 3, Current),
    ("JPY", 0, Current),
    ("KES", 2, Current),
    ("KGS", 2, Current),
    ("KHR", 2, Current),
    ("KPW", 2, Current),
    ("KRW", 0, Current),
    ("KWD", 3, Current),
    ("KYD", 2, Current),
    ("KZT", 2, Current),
    ("LAK", 2, Current),
    ("LBP", 2, Current),
    ("LKR", 2, Current),
    ("LRD", 2, Current),
    ("LTL", 2, Retired),
    ("LVL", 2, Retired),
    ("LYD", 3, Current),
    ("MAD", 2, Current),
    ("MKD", 2, Current),
    ("MNT", 2, Current),
    ("MUR", 2, Current),
    ("MXN", 2, Current),
    ("MWK", 2, Current),
    ("MYR", 2, Current),
    ("MZN", 2, Current),
    ("NAD", 2, Current),
    ("NGN", 2, Current),
    ("NIO", 2, Current),
    ("NOK", 2, Current),
    ("NPR", 2, Current),
    ("NZD", 2, Current),
    ("OMR", 3, Current),
    ("PAB", 2, Current),
    ("PEN", 2, Current),
    ("PHP", 2, Current),
    ("PKR", 2, Current),
    ("PLN", 2, Current),
    ("PYG", 0, Current),
    ("QAR", 2, Current),
    ("RON", 2, Current),
    ("RSD", 2, Current),
    ("RUB", 2, Current),
    ("RUR", 2, Retired),
    ("SAR", 2, Current),
    ("SBD", 2, Current),
    ("SCR", 2, Current),
    ("SEK", 2, Current),
    ("SGD", 2, Current),
    ("SHP", 2, Current),
    ("SOS", 2, Current),
    ("SRD", 2, Current),
    ("SVC", 2, Current),
    ("SYP", 2, Current),
    ("THB", 2, Current),
    ("TND", 3, Current),
    ("TRL", 0, Retired),
    ("TRY", 2, Current),
    ("TTD", 2, Current),
    ("TWD", 2, Current),
    ("TZS", 2, Current),
    ("UAH", 2, Current),
    ("UGX", 0, Current),
    ("AED", 2, Current),
    ("UYU", 2, Current),
    ("UZS", 2, Current),
    ("VEF", 2, Retired),
    ("VND", 0, Current),
    ("XCD", 2, Current),
    ("YER", 2, Current),
    ("ZAR", 2, Current),
    ("ZMW", 2, Current),
    ("ZWD", 2, Retired),
    ("USD", 2, Current),
];

impl Currency {
    /// The currency with this number on the wire; `None` for 0 and for what is not there.
    pub fn from_number(number: i32) -> Option<Currency> {
        u8::try_from(number).ok().filter(|n| (1..=128).contains(n)).map(Currency)
    }

    /// The currency with this ISO code, upper case.
    pub fn from_code(code: &str) -> Option<Currency> {
        // Every sum of every stored document names one.
        static BY_CODE: LazyLock<Vec<(&str, Currency)>> = LazyLock::new(|| {
            let mut sorted: Vec<_> = Currency::all().map(|currency| (currency.code(), currency)).collect();
            sorted.sort_unstable();
            sorted
        });
        let index = BY_CODE.binary_search_by_key(&code, |(code, _)| code).ok()?;
        Some(BY_CODE[index].1)
    }

    /// All currencies, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Currency> {
        (1..=128).map(Currency)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Its ISO code: `EUR`.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// Digits after the point: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u8 {
        self.row().1
    }

    /// Whether it can still be paid with.
    pub fn standing(self) -> Standing {
        self.row().2
    }

    fn row(self) -> &'static (&'static str, u8, Standing) {
        &TABLE[usize::from(self.0) - 1]
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Code)
    }
}

/// Reads a currency from its code.
struct Code;

impl serde::de::Visitor<'_> for Code {
    type Value = Currency;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a currency of the contract")
    }

    fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<Currency, E> {
        Currency::from_code(code)
            .ok_or_else(|| E::custom(format!("{code} is not a currency of the contract")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_lead_back_to_the_same_currency() {
        for currency in Currency::all() {
            assert_eq!(Currency::from_number(currency.number()), Some(currency));
            assert_eq!(Currency::from_code(currency.code()), Some(currency));
        }
        assert_eq!(Currency::from_code("USD").map(Currency::number), Some(128));
        assert_eq!(Currency::from_code("EUR").map(Currency::number), Some(34));
        for none in [i32::MIN, -1, 0, 129, 9999] {
            assert_eq!(Currency::from_number(none), None);
        }
    }

    #[test]
    fn digits_agree_with_iso_4217_where_it_still_lists_the_currency() {
        let mut checked = 0;
        for currency in Currency::all() {
            if let Some(iso) = iso_currency::Currency::from_code(currency.code()) {
                assert_eq!(iso.exponent(), Some(u16::from(currency.exponent())), "{currency}");
                checked += 1;
            } else {
                assert_ne!(currency.standing(), Current, "{currency} is not in ISO 4217");
            }
        }
        assert!(checked >= 110, "only {checked} were compared");
    }
}
