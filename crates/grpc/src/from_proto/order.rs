//! Orders.

use std::fmt::Arguments;

use digota_core::Result;
use digota_core::currency::Currency;
use digota_core::id::{self, OrderId, SkuId};
use digota_core::order::{Address, Draft, DraftLine, LineKind, OrderStatus, Shipping};
use digota_core::page::Request;
use digota_core::payment::{Provider, RefundReason};
use digota_core::port::store::Condition;
use digota_core::shop::Pay;
use digota_core::shop::returns::Return;
use digota_core::text::Violations;
use digota_core::time::Timestamp;
use digota_proto::orderpb::{
    self, CancelRequest, FulfillRequest, ListRequest, NewRequest, OrderItem, PayRequest, ReturnRequest,
};

use super::{Paging, an_id, card, currency, page, provider, version};

pub(crate) fn new_order(request: NewRequest) -> Result<Draft> {
    let mut all = Violations::new();
    let money = currency("currency", request.currency, &mut all);
    let known = !all.any();
    let items = request.items.into_iter().enumerate();
    let draft = Draft {
        currency: money,
        lines: items.map(|(i, item)| line(format_args!("items[{i}]"), item, known, &mut all)).collect(),
        metadata: request.metadata,
        email: request.email,
        shipping: request.shipping.map(shipping),
    };
    draft.check(&mut all);
    all.end()?;
    Ok(draft)
}

/// A line. `known` says whether the order's currency is, so that the line's own can be compared with it.
fn line(at: Arguments<'_>, item: OrderItem, known: bool, all: &mut Violations) -> DraftLine {
    let kind = LineKind::from_number(item.r#type);
    all.check(kind.is_some(), format_args!("{at}.type"), "must be sku, discount, tax or shipping");
    let kind = kind.unwrap_or(LineKind::Tax);
    let own = (kind != LineKind::Sku && item.currency != 0).then(|| Currency::from_number(item.currency));
    if own == Some(None) {
        all.add(format_args!("{at}.currency"), "must be a currency of the contract");
    }
    DraftLine {
        kind,
        quantity: item.quantity,
        unit_price: item.amount,
        currency: own.flatten().filter(|_| known),
        sku: id::parse(&item.parent).filter(|_| kind == LineKind::Sku).map(SkuId),
        description: item.description,
    }
}

fn shipping(given: orderpb::Shipping) -> Shipping {
    Shipping {
        name: given.name,
        phone: given.phone,
        address: given.address.map(|address| Address {
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            country: address.country,
            postal_code: address.postal_code,
            state: address.state,
        }),
        carrier: given.carrier,
        tracking_number: given.tracking_number,
    }
}

pub(crate) fn pay(request: PayRequest) -> Result<Pay> {
    let mut all = Violations::new();
    let order = OrderId(an_id("id", &request.id, &mut all));
    let provider = provider(request.payment_provider_id, &mut all);
    let expected_version = version("expected_version", request.expected_version, &mut all);
    all.return_url("return_url", &request.return_url, provider == Provider::Sandbox);
    let source = card::source("card", request.card.as_ref(), &request.payment_token, &mut all);
    all.end()?;
    let source = source.ok_or_else(|| digota_core::Error::invalid("card", "is required"))?;
    Ok(Pay { order, provider, source, return_url: request.return_url, expected_version })
}

pub(crate) fn return_order(request: ReturnRequest) -> Result<Return> {
    let mut all = Violations::new();
    let order = OrderId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let reason = RefundReason::from_number(request.reason);
    all.check(reason.is_some(), "reason", "must be 0 to 3");
    let items = request.items.iter().enumerate();
    let goods = items.map(|(i, item)| {
        let sku = SkuId(an_id(format_args!("items[{i}].parent"), &item.parent, &mut all));
        (sku, if item.quantity == 0 { 1 } else { item.quantity })
    });
    let goods = goods.collect();
    let (amount, restock) = (request.amount, request.restock);
    let request =
        Return { order, goods, amount, reason: reason.unwrap_or_default(), restock, expected_version };
    request.check(&mut all);
    all.end()?;
    Ok(request)
}

pub(crate) fn fulfill(request: &FulfillRequest) -> Result<(OrderId, u64)> {
    let mut all = Violations::new();
    let id = OrderId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    all.line("carrier", &request.carrier, digota_core::text::LINE_MAX);
    all.line("trackingNumber", &request.tracking_number, digota_core::text::LINE_MAX);
    all.end()?;
    Ok((id, expected_version))
}

pub(crate) fn cancel(request: &CancelRequest) -> Result<(OrderId, u64)> {
    let mut all = Violations::new();
    let id = OrderId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    all.line("reason", &request.reason, digota_core::text::NAME_MAX);
    all.end()?;
    Ok((id, expected_version))
}

pub(crate) fn orders(request: ListRequest) -> Result<Request> {
    let ListRequest { page: number, limit, sort, cursor, status, email, created_from, created_before } =
        request;
    let mut all = Violations::new();
    let mut conditions = Vec::new();
    if let Some(number) = status {
        let known = OrderStatus::from_number(number);
        all.check(known.is_some(), "status", "must be 0 to 4");
        conditions.extend(known.map(|status| Condition::Status(status.number())));
    }
    if !email.is_empty() {
        all.email("email", &email);
        conditions.push(Condition::Email(email));
    }
    for (field, seconds) in [("created_from", created_from), ("created_before", created_before)] {
        all.check((0..=MOMENT_MAX).contains(&seconds), field, "must be 0 (no bound) or Unix seconds");
    }
    let bound = |seconds: i64| (seconds != 0).then(|| Timestamp::from_seconds(seconds));
    let (from, until) = (bound(created_from), bound(created_before));
    if from.is_some() || until.is_some() {
        conditions.push(Condition::Created { from, until });
    }
    page(Paging { page: number, limit, sort, cursor }, conditions, all)
}

/// The end of the year 9999: later moments are slips.
const MOMENT_MAX: i64 = 253_402_300_799;
