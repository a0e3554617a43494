//! Debug output of requests shows neither card numbers nor security codes nor payment tokens.

use digota_proto::orderpb::PayRequest;
use digota_proto::paymentpb::{Card, CardType, ChargeRequest};

const TOKEN: &str = "tok_secret";

fn card() -> Card {
    Card {
        number: "4242424242424242".into(),
        expire_month: "12".into(),
        expire_year: "2031".into(),
        first_name: "Ada".into(),
        last_name: "Byron".into(),
        cvc: "987".into(),
        r#type: CardType::Visa as i32,
    }
}

/// Both forms of Debug, checked for anything of the card but its brand, and for the token.
fn check(value: &impl std::fmt::Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in ["42", "987", "12", "2031", "Ada", "Byron", TOKEN] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("Visa"), "{text}");
    }
}

#[test]
fn a_card_shows_its_brand_only() {
    check(&card());
}

#[test]
fn a_card_with_an_unknown_brand_can_be_shown() {
    assert_eq!(format!("{:?}", Card { r#type: 42, ..card() }), "Card { type: unknown, .. }");
}

#[test]
fn a_charge_request_hides_card_and_token() {
    let request = ChargeRequest {
        card: Some(card()),
        payment_token: TOKEN.into(),
        total: 500,
        statement: "Order 7".into(),
        ..Default::default()
    };
    check(&request);
    let text = format!("{request:?}");
    assert!(text.contains("total: 500") && text.contains("payment_token: hidden"), "{text}");
}

#[test]
fn a_pay_request_hides_card_and_token() {
    let request = PayRequest { card: Some(card()), payment_token: TOKEN.into(), ..Default::default() };
    check(&request);
    let text = format!("{request:?}");
    assert!(text.contains("payment_token: hidden"), "{text}");
}

#[test]
fn a_request_without_a_token_says_so() {
    assert!(format!("{:?}", PayRequest::default()).contains("payment_token: none"));
}
