//! Charges and refunds.

use digota_core::Result;
use digota_core::id::ChargeId;
use digota_core::money::{Money, TOTAL_MAX};
use digota_core::page::Request;
use digota_core::payment::{ChargeStatus, RefundReason};
use digota_core::port::store::Condition;
use digota_core::shop::payments::{NewCharge, RefundCharge};
use digota_core::text::Violations;
use digota_proto::paymentpb::{CaptureRequest, ChargeRequest, ListRequest, RefundRequest, VoidRequest};

use super::{Paging, amount, an_id, card, currency, page, provider, version};

pub(crate) fn new_charge(request: ChargeRequest) -> Result<NewCharge> {
    let mut all = Violations::new();
    let money =
        Money { amount: amount(request.total), currency: currency("currency", request.currency, &mut all) };
    let provider = provider(request.payment_provider_id, &mut all);
    let source = card::source("Card", request.card.as_ref(), &request.payment_token, &mut all);
    // A token that is never sent stands in for a card that is wrong, so that the rest is judged too.
    let (source, good) = match source {
        Some(source) => (source, true),
        None => (digota_core::payment::card::Source::Token(String::new().into()), false),
    };
    let charge = NewCharge {
        money,
        source,
        provider,
        email: request.email,
        statement: request.statement,
        metadata: request.metadata,
        capture_later: request.capture_later,
        return_url: request.return_url,
    };
    charge.check(&mut all);
    all.end()?;
    if good { Ok(charge) } else { Err(digota_core::Error::invalid("Card", "is required")) }
}

pub(crate) fn refund(request: &RefundRequest) -> Result<RefundCharge> {
    let mut all = Violations::new();
    let charge = ChargeId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let reason = RefundReason::from_number(request.reason);
    all.check(reason.is_some(), "reason", "must be 0 to 3");
    let amount = bounded(request.amount, &mut all);
    all.end()?;
    Ok(RefundCharge { charge, amount, reason: reason.unwrap_or_default(), expected_version })
}

fn bounded(given: u64, all: &mut Violations) -> i64 {
    let amount = amount(given);
    all.check(amount <= TOTAL_MAX, "amount", "must be 0 (all of it) to 1000000000000");
    amount
}

pub(crate) fn capture(request: &CaptureRequest) -> Result<(ChargeId, i64, u64)> {
    let mut all = Violations::new();
    let id = ChargeId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let amount = bounded(request.amount, &mut all);
    all.end()?;
    Ok((id, amount, expected_version))
}

pub(crate) fn void(request: &VoidRequest) -> Result<(ChargeId, u64)> {
    let mut all = Violations::new();
    let id = ChargeId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    all.end()?;
    Ok((id, expected_version))
}

pub(crate) fn charges(request: ListRequest) -> Result<Request> {
    let ListRequest { page: number, limit, sort, cursor, order_id, status } = request;
    let mut all = Violations::new();
    let mut conditions = Vec::new();
    if !order_id.is_empty() {
        conditions.push(Condition::Order(an_id("order_id", &order_id, &mut all)));
    }
    if status != 0 {
        let known = ChargeStatus::from_number(status);
        all.check(known.is_some(), "status", "must be 0 (any) to 6");
        conditions.extend(known.map(|status| Condition::Status(status.number())));
    }
    page(Paging { page: number, limit, sort, cursor }, conditions, all)
}
