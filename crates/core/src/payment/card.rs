//! Card data: held in memory while a charge is under way, never printed, stored or compared.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A brand of card, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Brand {
    /// Mastercard.
    Mastercard = 1,
    /// Visa.
    Visa = 2,
    /// American Express.
    AmericanExpress = 3,
    /// JCB.
    Jcb = 4,
    /// Discover.
    Discover = 5,
    /// Diners Club.
    DinersClub = 6,
}

impl Brand {
    /// The brand with this number on the wire.
    pub fn from_number(number: i32) -> Option<Brand> {
        use Brand::{AmericanExpress, DinersClub, Discover, Jcb, Mastercard, Visa};
        [Mastercard, Visa, AmericanExpress, Jcb, Discover, DinersClub]
            .into_iter()
            .find(|b| b.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// How many digits its card numbers may have.
    pub fn number_lengths(self) -> &'static [usize] {
        match self {
            Brand::Mastercard => &[16],
            Brand::Visa => &[13, 16, 19],
            Brand::AmericanExpress => &[15],
            Brand::Jcb | Brand::Discover => &[16, 17, 18, 19],
            Brand::DinersClub => &[14, 16, 17, 18, 19],
        }
    }

    /// How many digits its verification code has.
    pub fn cvc_length(self) -> usize {
        if self == Brand::AmericanExpress { 4 } else { 3 }
    }
}

/// A card as the buyer typed it. Wiped from memory when dropped.
pub struct Card {
    /// Its brand.
    pub brand: Brand,
    number: Zeroizing<String>,
    cvc: Zeroizing<String>,
    /// 1 to 12.
    pub expiry_month: u8,
    /// Four digits.
    pub expiry_year: u16,
    /// The holder's first name; may be empty.
    pub first_name: String,
    /// The holder's last name; may be empty.
    pub last_name: String,
}

/// What is wrong with a card as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardFault {
    /// Not digits, of the wrong length for its brand, or with a wrong check digit.
    Number,
    /// Not digits, or of the wrong length for its brand.
    Cvc,
    /// Not 01 to 12.
    ExpiryMonth,
    /// Not four digits.
    ExpiryYear,
}

/// A card's parts as text, as the wire has them.
pub struct CardText<'a> {
    /// The digits, nothing between them.
    pub number: &'a str,
    /// The verification code; may be empty.
    pub cvc: &'a str,
    /// Two digits.
    pub expiry_month: &'a str,
    /// Four digits.
    pub expiry_year: &'a str,
    /// May be empty.
    pub first_name: &'a str,
    /// May be empty.
    pub last_name: &'a str,
}

impl Card {
    /// Reads a card; on failure every part that is wrong.
    ///
    /// # Errors
    /// One [`CardFault`] per wrong part. Whether the card has expired is for the gateway to say.
    pub fn new(brand: Brand, text: &CardText<'_>) -> Result<Card, Vec<CardFault>> {
        let mut faults = Vec::new();
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if !digits(text.number) || !brand.number_lengths().contains(&text.number.len()) || !luhn(text.number)
        {
            faults.push(CardFault::Number);
        }
        if !text.cvc.is_empty() && (!digits(text.cvc) || text.cvc.len() != brand.cvc_length()) {
            faults.push(CardFault::Cvc);
        }
        let month = two_digits(text.expiry_month);
        if month.is_none() {
            faults.push(CardFault::ExpiryMonth);
        }
        let year =
            (text.expiry_year.len() == 4 && digits(text.expiry_year)).then(|| text.expiry_year.parse().ok());
        let year = year.flatten();
        if year.is_none() {
            faults.push(CardFault::ExpiryYear);
        }
        match (faults.is_empty(), month, year) {
            (true, Some(expiry_month), Some(expiry_year)) => Ok(Card {
                brand,
                number: Zeroizing::new(text.number.to_owned()),
                cvc: Zeroizing::new(text.cvc.to_owned()),
                expiry_month,
                expiry_year,
                first_name: text.first_name.to_owned(),
                last_name: text.last_name.to_owned(),
            }),
            _ => Err(faults),
        }
    }

    /// The whole number. Only for the request to the gateway.
    pub fn reveal_number(&self) -> &str {
        &self.number
    }

    /// The verification code; empty if not given. Only for the request to the gateway.
    pub fn reveal_cvc(&self) -> &str {
        &self.cvc
    }

    /// The last four digits, which may be shown and kept.
    pub fn last4(&self) -> &str {
        &self.number[self.number.len() - 4..]
    }
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Card").field("brand", &self.brand).finish_non_exhaustive()
    }
}

/// Where the money is to come from.
pub enum Source {
    /// A card as typed.
    Card(Card),
    /// A token that the gateway gave the buyer's browser for a card.
    Token(Zeroizing<String>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Card(card) => card.fmt(f),
            Source::Token(_) => f.write_str("Token"),
        }
    }
}

fn two_digits(text: &str) -> Option<u8> {
    let two = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    two.then(|| text.parse().ok()).flatten().filter(|month| (1..=12).contains(month))
}

/// The check that the last digit of every card number makes come out as a multiple of ten.
fn luhn(number: &str) -> bool {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b.wrapping_sub(b'0'));
            if i % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(brand: Brand, number: &str, cvc: &str) -> Result<Card, Vec<CardFault>> {
        let names = ("Ada", "Lovelace");
        Card::new(
            brand,
            &CardText {
                number,
                cvc,
                expiry_month: "12",
                expiry_year: "2032",
                first_name: names.0,
                last_name: names.1,
            },
        )
    }

    #[test]
    fn every_brand_can_pay() {
        for (brand, number, cvc) in [
            (Brand::Visa, "4242424242424242", "123"),
            (Brand::Visa, "4222222222222", ""),
            (Brand::Mastercard, "5555555555554444", "123"),
            (Brand::AmericanExpress, "378282246310005", "1234"),
            (Brand::Jcb, "3530111333300000", "123"),
            (Brand::Discover, "6011111111111117", "123"),
            (Brand::DinersClub, "30569309025904", "123"),
        ] {
            assert!(read(brand, number, cvc).is_ok(), "{brand:?}");
        }
    }

    #[test]
    fn wrong_parts_are_all_named() {
        assert_eq!(read(Brand::Visa, "4242424242424241", "123").err(), Some(vec![CardFault::Number]));
        assert_eq!(read(Brand::AmericanExpress, "4242424242424242", "123").err().map(|f| f.len()), Some(2));
        let text = CardText {
            number: "4242 4242 4242 4242",
            cvc: "12a",
            expiry_month: "13",
            expiry_year: "32",
            first_name: "",
            last_name: "",
        };
        assert_eq!(Card::new(Brand::Visa, &text).err().map(|f| f.len()), Some(4));
    }

    #[test]
    fn debug_output_shows_no_digit() {
        let card = read(Brand::Visa, "4242424242424242", "987").expect("a good card");
        let shown = format!("{card:?} {:?}", Source::Token(Zeroizing::new("tok_987".into())));
        assert!(!shown.chars().any(|c| c.is_ascii_digit()), "{shown}");
    }
}
