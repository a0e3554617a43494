//! Debug of the messages that carry a card or a payment token: neither may reach a log.
//!
//! Each message is taken apart without `..`, so that a new field does not compile before it was thought about.

use std::fmt::{Debug, Formatter, Result};

use crate::orderpb::PayRequest;
use crate::paymentpb::{Card, CardType, ChargeRequest};

/// Shows the brand, and that there is more.
impl Debug for Card {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let brand = CardType::try_from(self.r#type);
        let mut card = f.debug_struct("Card");
        match brand {
            Ok(brand) => card.field("type", &brand),
            Err(_) => card.field("type", &format_args!("unknown")),
        };
        card.finish_non_exhaustive()
    }
}

impl Debug for ChargeRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            currency: _,
            total,
            card,
            email,
            statement,
            payment_provider_id: _,
            metadata,
            payment_token,
            allow_pending,
            return_url,
            capture_later,
        } = self;
        f.debug_struct("ChargeRequest")
            .field("currency", &self.currency())
            .field("total", total)
            .field("card", card)
            .field("email", email)
            .field("statement", statement)
            .field("payment_provider_id", &self.payment_provider_id())
            .field("metadata", metadata)
            .field("payment_token", &Hidden(payment_token))
            .field("allow_pending", allow_pending)
            .field("return_url", return_url)
            .field("capture_later", capture_later)
            .finish()
    }
}

impl Debug for PayRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            id,
            card,
            payment_provider_id: _,
            payment_token,
            expected_version,
            allow_pending,
            return_url,
        } = self;
        f.debug_struct("PayRequest")
            .field("id", id)
            .field("card", card)
            .field("payment_provider_id", &self.payment_provider_id())
            .field("payment_token", &Hidden(payment_token))
            .field("expected_version", expected_version)
            .field("allow_pending", allow_pending)
            .field("return_url", return_url)
            .finish()
    }
}

/// A secret text: shows only whether there is one.
struct Hidden<'a>(&'a str);

impl Debug for Hidden<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}
