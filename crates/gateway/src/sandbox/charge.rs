//! Reading a charge: the last place that sees a card number, which chooses a row of the table and is forgotten.

use digota_core::port::gateway::Op;
use digota_core::time::Timestamp;

use super::api::{key, money, parse};
use super::cards::Row;
use super::state::Command;
use super::wire::{CardBody, ChargeBody};
use crate::message::Request;

/// The command that a request for a charge is.
pub(super) fn command(request: &Request, now: Timestamp) -> Result<Command, String> {
    let body: ChargeBody<'_> = parse(&request.body)?;
    let row = match (&body.card, &body.token) {
        (Some(card), None) if has_expired(card, now) => {
            Row::named("expired_card").expect("the table has this row")
        }
        (Some(card), None) => Row::by_number(&card.number).with_amount(body.amount),
        (None, Some(token)) => Row::by_token(token).with_amount(body.amount),
        _ => return Err("either a card or a token is needed".to_owned()),
    };
    Ok(Command {
        attempt: body.reference,
        key: key(request)?,
        op: Op::Charge,
        charge: body.reference,
        money: Some(money(body.amount, &body.currency)?),
        row: Some(row),
        capture_later: !body.capture,
        statement: body.statement.into_owned(),
        return_url: body.return_url.into_owned(),
    })
}

/// A card is good until the end of its month, anywhere on earth.
fn has_expired(card: &CardBody<'_>, now: Timestamp) -> bool {
    let westernmost = jiff::tz::Offset::constant(-12);
    let Ok(now) = jiff::Timestamp::from_second(now.seconds()) else { return false };
    let today = westernmost.to_datetime(now);
    let year = u16::try_from(today.year()).unwrap_or(0);
    let month = u8::try_from(today.month()).unwrap_or(0);
    (card.expiry_year, card.expiry_month) < (year, month)
}
