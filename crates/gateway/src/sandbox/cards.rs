//! The test cards: what the sandbox does is chosen by the card, the token or the amount of a charge.

use digota_core::payment::decline::Advice;
use digota_core::payment::decline::DeclineCode::{self, *};

use Behaviour::*;

/// What becomes of a charge, and of what is later done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It succeeds.
    Succeed,
    /// It is declined.
    Decline(DeclineCode),
    /// It succeeds, and the answer takes [`crate::sandbox::Options::slow`].
    Slow,
    /// The request is lost: no effect, no answer.
    LoseBefore,
    /// It succeeds, and the answer is lost.
    LoseAfter,
    /// No answer, and it succeeds only after [`crate::sandbox::Options::late`].
    Late,
    /// The buyer must pass a challenge first.
    Challenge,
    /// Under way for [`crate::sandbox::Options::pending_for`], then it succeeds.
    PendingSucceeds,
    /// Under way for [`crate::sandbox::Options::pending_for`], then it is declined.
    PendingFails,
    /// It succeeds; refunds of it are declined.
    RefundDeclined,
    /// It succeeds; refunds of it are under way for [`crate::sandbox::Options::pending_for`], then succeed.
    RefundPending,
    /// It succeeds; refunds of it are under way for [`crate::sandbox::Options::pending_for`], then fail.
    RefundFails,
    /// It is authorised; captures of it are declined.
    CaptureDeclined,
}

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name: its token is `tok_` and this.
    pub name: &'static str,
    /// Card numbers that choose it, in the sandbox only: none of them is anybody's.
    pub numbers: &'static [&'static str],
    /// The amount that chooses it when the card by itself would succeed, in the smallest unit of any currency.
    pub amount: Option<i64>,
    /// What it does.
    pub behaviour: Behaviour,
}

impl Row {
    /// The line of this name.
    pub fn named(name: &str) -> Option<&'static Row> {
        ROWS.iter().chain([&UNKNOWN]).find(|row| row.name == name)
    }

    /// The line that this card number chooses; any other number is declined, since it may be somebody's.
    pub fn by_number(number: &str) -> &'static Row {
        ROWS.iter().find(|row| row.numbers.contains(&number)).unwrap_or(&UNKNOWN)
    }

    /// The line that this token chooses.
    pub fn by_token(token: &str) -> &'static Row {
        let name = token.strip_prefix("tok_");
        ROWS.iter().find(|row| name == Some(row.name)).unwrap_or(&UNKNOWN)
    }

    /// The line that counts in the end, given the amount.
    pub fn with_amount(&'static self, amount: i64) -> &'static Row {
        if self.behaviour != Succeed {
            return self;
        }
        ROWS.iter().find(|row| row.amount == Some(amount)).unwrap_or(self)
    }
}

/// What the sandbox says may help after a decline.
pub fn advice(code: DeclineCode) -> Advice {
    match code {
        ProcessingError | RateLimit => Advice::RetryLater,
        AuthenticationRequired => Advice::Authenticate,
        Duplicate | RefundNotAllowed | ChargeNotOpen => Advice::Never,
        _ => Advice::RetryWithNewData,
    }
}

/// A card or token that is not in the table.
pub static UNKNOWN: Row =
    Row { name: "not_a_test_card", numbers: &[], amount: None, behaviour: Decline(IncorrectNumber) };

const fn plain(name: &'static str, numbers: &'static [&'static str]) -> Row {
    Row { name, numbers, amount: None, behaviour: Succeed }
}

const fn row(name: &'static str, number: &'static [&'static str], amount: i64, behaviour: Behaviour) -> Row {
    Row { name, numbers: number, amount: Some(amount), behaviour }
}

/// The table.
#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    plain("visa", &["4242424242424242", "4111111111111111", "4012888888881881", "4222222222222"]),
    plain("mastercard", &["5555555555554444", "5105105105105100", "2223003122003222"]),
    plain("amex", &["378282246310005", "371449635398431"]),
    plain("discover", &["6011111111111117", "6011000990139424"]),
    plain("diners", &["30569309025904", "38520000023237", "3056930009020004"]),
    plain("jcb", &["3530111333300000", "3566002020360505"]),
    row("card_declined", &["4000000000000002"], 9_990_001, Decline(CardDeclined)),
    row("insufficient_funds", &["4000000000009995"], 9_990_002, Decline(CardDeclined)),
    row("expired_card", &["4000000000000069"], 9_990_003, Decline(ExpiredCard)),
    row("incorrect_cvc", &["4000000000000127"], 9_990_004, Decline(IncorrectCvc)),
    row("processing_error", &["4000000000000119"], 9_990_005, Decline(ProcessingError)),
    row("invalid_number", &["4000000001000019"], 9_990_006, Decline(InvalidNumber)),
    row("incorrect_number", &["4000000001000027"], 9_990_007, Decline(IncorrectNumber)),
    row("invalid_expiry_month", &["4000000001000035"], 9_990_008, Decline(InvalidExpiryMonth)),
    row("invalid_expiry_year", &["4000000001000043"], 9_990_009, Decline(InvalidExpiryYear)),
    row("invalid_cvc", &["4000000001000050"], 9_990_010, Decline(InvalidCvc)),
    row("incorrect_zip", &["4000000001000068"], 9_990_011, Decline(IncorrectZip)),
    row("missing", &["4000000001000076"], 9_990_012, Decline(Missing)),
    row("rate_limit", &["4000000001000084"], 9_990_013, Decline(RateLimit)),
    row("authentication_required", &["4000000001000092"], 9_990_014, Decline(AuthenticationRequired)),
    row("duplicate", &["4000000001000100"], 9_990_015, Decline(Duplicate)),
    row("invalid_amount", &["4000000001000118"], 9_990_016, Decline(InvalidAmount)),
    row("slow", &["4000000001000126"], 9_990_021, Slow),
    row("lose_before", &["4000000001000134"], 9_990_022, LoseBefore),
    row("lose_after", &["4000000001000142"], 9_990_023, LoseAfter),
    row("late", &["4000000001000159"], 9_990_024, Late),
    row("challenge", &["4000000001000167"], 9_990_025, Challenge),
    row("pending_succeeds", &["4000000001000175"], 9_990_026, PendingSucceeds),
    row("pending_fails", &["4000000001000183"], 9_990_027, PendingFails),
    row("refund_declined", &["4000000001000191"], 9_990_031, RefundDeclined),
    row("refund_pending", &["4000000001000209"], 9_990_032, RefundPending),
    row("refund_fails", &["4000000001000217"], 9_990_033, RefundFails),
    row("capture_declined", &["4000000001000225"], 9_990_034, CaptureDeclined),
];

#[cfg(test)]
mod tests {
    use super::*;
    use digota_core::payment::card::{Brand, Card, CardText};

    fn reads_as_a_card(number: &str) -> bool {
        let brands = (1..=6).filter_map(Brand::from_number);
        brands.into_iter().any(|brand| {
            let text = CardText {
                number,
                cvc: "",
                expiry_month: "12",
                expiry_year: "2032",
                first_name: "",
                last_name: "",
            };
            Card::new(brand, &text).is_ok()
        })
    }

    #[test]
    fn every_number_can_be_typed_and_no_trigger_is_there_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in ROWS {
            assert!(row.numbers.iter().all(|number| reads_as_a_card(number)), "{}", row.name);
            assert!(seen.insert(row.name.to_owned()), "{}", row.name);
            assert!(row.numbers.iter().all(|number| seen.insert((*number).to_owned())), "{}", row.name);
            assert!(row.amount.is_none_or(|amount| seen.insert(amount.to_string())), "{}", row.name);
        }
    }

    #[test]
    fn every_trigger_that_is_no_brand_has_a_visa_number_of_16_digits_and_an_amount() {
        for row in ROWS.iter().filter(|row| row.behaviour != Succeed) {
            assert!(row.numbers.iter().any(|n| n.len() == 16 && n.starts_with('4')), "{}", row.name);
            assert!(row.amount.is_some(), "{}", row.name);
        }
    }

    /// The two codes that no charge gets are those of refunds and captures.
    #[test]
    fn every_decline_code_can_be_had() {
        for code in DeclineCode::ALL {
            let cause = match code {
                RefundNotAllowed => RefundDeclined,
                ChargeNotOpen => CaptureDeclined,
                code => Decline(*code),
            };
            assert!(ROWS.iter().any(|row| row.behaviour == cause), "{}", code.text());
        }
    }
}
