//! Where the money comes from: a card or a token, exactly one of them.

use digota_core::payment::card::{Brand, Card, CardFault, CardText, Source};
use digota_core::text::Violations;
use digota_proto::paymentpb;

/// The longest token that a gateway gives.
const TOKEN_MAX: usize = 512;

/// Reads the source; `None` where something is wrong with it, which is noted under `field`.
pub(super) fn source(
    field: &str,
    card: Option<&paymentpb::Card>,
    token: &str,
    all: &mut Violations,
) -> Option<Source> {
    match (card, token.is_empty()) {
        (Some(card), true) => read(field, card, all).map(Source::Card),
        (None, false) => {
            let before = all.any();
            all.line("payment_token", token, TOKEN_MAX);
            (before == all.any()).then(|| Source::Token(token.to_owned().into()))
        }
        (Some(_), false) => {
            all.add("payment_token", "goes without a card");
            None
        }
        (None, true) => {
            all.add(field, "is required, or a payment_token");
            None
        }
    }
}

fn read(field: &str, card: &paymentpb::Card, all: &mut Violations) -> Option<Card> {
    all.line(format_args!("{field}.FirstName"), &card.first_name, 128);
    all.line(format_args!("{field}.LastName"), &card.last_name, 128);
    let Some(brand) = Brand::from_number(card.r#type) else {
        all.add(format_args!("{field}.type"), "must be a card type: 1 to 6");
        return None;
    };
    let text = CardText {
        number: &card.number,
        cvc: &card.cvc,
        expiry_month: &card.expire_month,
        expiry_year: &card.expire_year,
        first_name: &card.first_name,
        last_name: &card.last_name,
    };
    Card::new(brand, &text)
        .map_err(|faults| faults.into_iter().for_each(|fault| note(field, fault, all)))
        .ok()
}

fn note(field: &str, fault: CardFault, all: &mut Violations) {
    let (name, description) = match fault {
        CardFault::Number => ("Number", "is not the number of a card of this type"),
        CardFault::Cvc => ("CVC", "must be 3 digits, or 4 for American Express"),
        CardFault::ExpiryMonth => ("ExpireMonth", "must be 01 to 12"),
        CardFault::ExpiryYear => ("ExpireYear", "must be four digits"),
    };
    all.add(format_args!("{field}.{name}"), description);
}
