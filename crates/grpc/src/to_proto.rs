//! From the shop's nouns to messages.

use digota_core::order::{Line, Order, Shipping};
use digota_core::page::Listed;
use digota_core::payment::attempt::{AttemptState, Remark, Verdict};
use digota_core::payment::{self, Attempt, RefundStatus};
use digota_core::port::gateway::Op;
use digota_core::product::Product;
use digota_core::shop::desk::Stats;
use digota_core::sku::StockedSku;
use digota_proto::{adminpb, orderpb, paymentpb, productpb, skupb};

use crate::admin::About;

/// A version or a count as the wire has it.
fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// A total as the wire has it.
fn total(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// An amount that is never negative, as the wire has it.
fn unsigned(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or_default()
}

pub(crate) fn product(product: Product, skus: Vec<StockedSku>) -> productpb::Product {
    let details = product.details;
    productpb::Product {
        id: product.id.to_string(),
        name: details.name,
        active: details.active,
        attributes: details.attributes,
        description: details.description,
        images: details.images,
        metadata: details.metadata,
        shippable: details.shippable,
        url: details.url,
        skus: skus.into_iter().map(sku).collect(),
        version: version(product.version),
        created: product.created.seconds(),
        updated: product.updated.seconds(),
    }
}

pub(crate) async fn products(list: Listed<Product>) -> productpb::ProductList {
    productpb::ProductList {
        products: each(list.items, |item| product(item, Vec::new())).await,
        total: total(list.total.count),
        next_cursor: list.next,
        total_capped: list.total.capped,
    }
}

pub(crate) fn sku(stocked: StockedSku) -> skupb::Sku {
    let StockedSku { sku, stock } = stocked;
    let details = sku.details;
    let kind = if details.finite { skupb::inventory::Type::Finite } else { skupb::inventory::Type::Infinite };
    skupb::Sku {
        id: sku.id.to_string(),
        name: details.name,
        price: unsigned(details.price),
        currency: details.currency.number(),
        active: details.active,
        parent: details.parent.to_string(),
        metadata: details.metadata,
        attributes: details.attributes,
        image: details.image,
        package_dimensions: details.package.map(|package| skupb::PackageDimensions {
            height: package.height,
            length: package.length,
            weight: package.weight,
            width: package.width,
        }),
        inventory: Some(skupb::Inventory {
            quantity: stock.available(),
            r#type: kind.into(),
            version: version(stock.version),
        }),
        version: version(sku.version),
        created: sku.created.seconds(),
        updated: sku.updated.seconds(),
    }
}

pub(crate) async fn skus(list: Listed<StockedSku>) -> skupb::SkuList {
    skupb::SkuList {
        skus: each(list.items, sku).await,
        total: total(list.total.count),
        next_cursor: list.next,
        total_capped: list.total.capped,
    }
}

pub(crate) fn order(order: Order, pending: Option<payment::Charge>) -> orderpb::Order {
    let currency = order.money.currency.number();
    orderpb::Order {
        id: order.id.to_string(),
        amount: order.money.amount,
        currency,
        items: order.lines.into_iter().map(|item| line(item, currency)).collect(),
        metadata: order.metadata,
        email: order.email,
        charge_id: order.charge.map(|charge| charge.to_string()).unwrap_or_default(),
        status: order.status.number().into(),
        shipping: order.shipping.map(shipping),
        refunded_amount: order.refunded,
        expires: order.expires.seconds(),
        version: version(order.version),
        pending_charge: pending.map(charge),
        created: order.created.seconds(),
        updated: order.updated.seconds(),
    }
}

fn line(line: Line, currency: i32) -> orderpb::OrderItem {
    orderpb::OrderItem {
        r#type: line.kind.number(),
        quantity: line.quantity,
        amount: line.unit_price,
        currency,
        parent: line.sku.map(|sku| sku.to_string()).unwrap_or_default(),
        description: line.description,
        returned: line.returned,
    }
}

fn shipping(shipping: Shipping) -> orderpb::Shipping {
    orderpb::Shipping {
        name: shipping.name,
        phone: shipping.phone,
        address: shipping.address.map(|address| orderpb::shipping::Address {
            line1: address.line1,
            city: address.city,
            country: address.country,
            line2: address.line2,
            postal_code: address.postal_code,
            state: address.state,
        }),
        carrier: shipping.carrier,
        tracking_number: shipping.tracking_number,
    }
}

pub(crate) async fn orders(list: Listed<Order>) -> orderpb::OrderList {
    orderpb::OrderList {
        orders: each(list.items, |item| order(item, None)).await,
        total: total(list.total.count),
        next_cursor: list.next,
        total_capped: list.total.capped,
    }
}

pub(crate) fn charge(charge: payment::Charge) -> paymentpb::Charge {
    let paid = charge.status == payment::ChargeStatus::Succeeded;
    paymentpb::Charge {
        id: charge.id.to_string(),
        statement: charge.statement,
        charge_amount: unsigned(charge.money.amount),
        refund_amount: unsigned(charge.refunded),
        refunds: charge.refunds.into_iter().map(refund).collect(),
        currency: charge.money.currency.number(),
        email: charge.email,
        paid,
        refunded: charge.refunded > 0,
        provider_id: charge.provider.number(),
        provider_charge_id: charge.provider_charge_id,
        status: charge.status.number().into(),
        order_id: charge.order.map(|order| order.to_string()).unwrap_or_default(),
        failure_code: charge.failure.map(|code| code.text().to_owned()).unwrap_or_default(),
        next_action: charge.next_action.map(|action| paymentpb::NextAction {
            r#type: action.kind,
            url: action.url,
            expires: action.expires.seconds(),
        }),
        card_brand: charge.card_brand.map(payment::card::Brand::number).unwrap_or_default(),
        card_last4: charge.card_last4,
        metadata: charge.metadata,
        pending_refund_amount: unsigned(charge.pending_refund),
        version: version(charge.version),
        created: charge.created.seconds(),
        updated: charge.updated.seconds(),
    }
}

fn refund(refund: payment::Refund) -> paymentpb::Refund {
    let status = match refund.status {
        RefundStatus::Pending => paymentpb::charge::Status::Pending,
        RefundStatus::Succeeded => paymentpb::charge::Status::Succeeded,
        RefundStatus::Failed => paymentpb::charge::Status::Failed,
    };
    paymentpb::Refund {
        refund_amount: unsigned(refund.amount),
        provider_refund_id: refund.provider_refund_id,
        reason: refund.reason.number(),
        created: refund.created.seconds(),
        id: refund.id.to_string(),
        status: status.into(),
        failure_code: refund.failure.map(|code| code.text().to_owned()).unwrap_or_default(),
    }
}

pub(crate) async fn charges(list: Listed<payment::Charge>) -> paymentpb::ChargeList {
    paymentpb::ChargeList {
        charges: each(list.items, charge).await,
        total: total(list.total.count),
        next_cursor: list.next,
        total_capped: list.total.capped,
    }
}

pub(crate) fn payment(attempt: Attempt) -> adminpb::Payment {
    use adminpb::payment::{Operation, State};
    let operation = match attempt.op {
        Op::Charge => Operation::Charge,
        Op::Capture => Operation::Capture,
        Op::Void => Operation::Void,
        Op::Refund => Operation::Refund,
    };
    let state = match attempt.state {
        AttemptState::Sending => State::Sending,
        AttemptState::Pending => State::Pending,
        AttemptState::RequiresAction => State::RequiresAction,
        AttemptState::Unknown => State::Unknown,
        AttemptState::Succeeded => State::Succeeded,
        AttemptState::Declined | AttemptState::NotExecuted => State::Failed,
    };
    adminpb::Payment {
        id: attempt.id.to_string(),
        charge_id: attempt.charge.to_string(),
        order_id: attempt.order.map(|order| order.to_string()).unwrap_or_default(),
        operation: operation.into(),
        state: state.into(),
        provider_id: attempt.provider.number(),
        next_check: attempt.due().map(|due| due.seconds()).unwrap_or_default(),
        provider_reference: attempt.reference.unwrap_or_default(),
        amount: attempt.money.amount,
        currency: attempt.money.currency.number(),
        failure_code: attempt.decline.map(|decline| decline.code.text().to_owned()).unwrap_or_default(),
        tries: i32::try_from(attempt.checks).unwrap_or(i32::MAX),
        sent: attempt.sent.seconds(),
        review: attempt.review,
        note: attempt
            .remarks
            .iter()
            .rev()
            .map(|remark| remark.note.clone())
            .find(|n| !n.is_empty())
            .unwrap_or_default(),
        version: version(attempt.version),
        evidence: attempt.evidence,
        remarks: attempt.remarks.into_iter().map(remark).collect(),
        given_back_by: attempt.given_back.map(|id| id.to_string()).unwrap_or_default(),
        created: attempt.created.seconds(),
        updated: attempt.updated.seconds(),
    }
}

fn remark(remark: Remark) -> adminpb::payment::Remark {
    use adminpb::settle_request::Verdict as Wire;
    let verdict = match remark.verdict {
        Verdict::AskGateway => Wire::AskGateway,
        Verdict::Succeeded => Wire::Succeeded,
        Verdict::Failed => Wire::Failed,
        Verdict::Reviewed => Wire::Reviewed,
    };
    adminpb::payment::Remark {
        by: remark.by,
        at: remark.at.seconds(),
        verdict: verdict.into(),
        note: remark.note,
        provider_reference: remark.reference.unwrap_or_default(),
    }
}

pub(crate) fn stats(stats: Stats, about: About) -> adminpb::StatsReply {
    let orders = stats.orders.iter().map(|(status, count)| (status.name().to_owned(), version(*count)));
    adminpb::StatsReply {
        server_version: about.version,
        started: about.started.seconds(),
        storage: about.storage,
        products: version(stats.products),
        skus: version(stats.skus),
        orders: orders.collect(),
        charges: version(stats.charges),
        event_position: version(stats.events),
        open_payments: version(stats.open),
        unknown_payments: version(stats.unknown),
        oldest_unknown: stats.oldest_unknown.map(|at| at.seconds()).unwrap_or_default(),
        review_payments: version(stats.review),
    }
}

/// How many items of a page are turned into messages before other calls have their turn.
const TURN: usize = 64;

async fn each<T, M>(items: Vec<T>, message: impl Fn(T) -> M) -> Vec<M> {
    let mut messages = Vec::with_capacity(items.len());
    for item in items {
        messages.push(message(item));
        if messages.len().is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
    messages
}
