//! Why a gateway said no, in one vocabulary for all gateways.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A gateway's refusal in digota's words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum DeclineCode {
            $($(#[$doc])* #[serde(rename = $text)] $name),+
        }

        impl DeclineCode {
            /// All codes.
            pub const ALL: &[DeclineCode] = &[$(DeclineCode::$name),+];

            /// The code as clients and stores see it: `card_declined`.
            pub fn text(self) -> &'static str {
                match self { $(DeclineCode::$name => $text),+ }
            }

            /// The code with this text.
            pub fn from_text(text: &str) -> Option<DeclineCode> {
                Self::ALL.iter().copied().find(|code| code.text() == text)
            }
        }
    };
}

codes! {
    /// The number is not one of a card.
    InvalidNumber = "invalid_number",
    /// The number is of no account.
    IncorrectNumber = "incorrect_number",
    /// There is no such month.
    InvalidExpiryMonth = "invalid_expiry_month",
    /// The year is past or makes no sense.
    InvalidExpiryYear = "invalid_expiry_year",
    /// The verification code can't be one.
    InvalidCvc = "invalid_cvc",
    /// The card has expired.
    ExpiredCard = "expired_card",
    /// The verification code is not the card's.
    IncorrectCvc = "incorrect_cvc",
    /// The postal code is not the holder's.
    IncorrectZip = "incorrect_zip",
    /// The bank says no.
    CardDeclined = "card_declined",
    /// The gateway misses something.
    Missing = "missing",
    /// The gateway failed; a new attempt may work.
    ProcessingError = "processing_error",
    /// Too many requests; a later attempt may work.
    RateLimit = "rate_limit",
    /// The bank wants to see the buyer first (3-D Secure).
    AuthenticationRequired = "authentication_required",
    /// The gateway takes this for a repetition of another payment.
    Duplicate = "duplicate",
    /// The amount or its currency is none that the gateway takes.
    InvalidAmount = "invalid_amount",
    /// The charge can't be refunded, or not by that much.
    RefundNotAllowed = "refund_not_allowed",
    /// The charge can't be captured or voided any more.
    ChargeNotOpen = "charge_not_open",
}

/// What may help after a decline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// The same again, later.
    RetryLater,
    /// Other data: another card, a corrected number.
    RetryWithNewData,
    /// Nothing.
    Never,
    /// The buyer must prove who they are.
    Authenticate,
}

/// A gateway's refusal. No money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// In digota's words.
    pub code: DeclineCode,
    /// In the gateway's own word, without card data; may be empty.
    pub raw: String,
    /// What may help.
    pub advice: Advice,
}
