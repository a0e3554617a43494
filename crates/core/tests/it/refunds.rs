//! Paying back part or all of a charge, whatever the gateway says and how many ask at once.

use digota_core::Result;
use digota_core::id::ChargeId;
use digota_core::order::OrderStatus;
use digota_core::payment::{Charge, RefundReason, RefundStatus};
use digota_core::port::gateway::Outcome;
use digota_core::shop::Terms;
use digota_core::shop::payments::RefundCharge;
use digota_core::testing::gateway::Act;

use super::world::{Plan, World, declined, is_pending, reason};

fn of(charge: ChargeId, amount: i64) -> RefundCharge {
    RefundCharge { charge, amount, reason: RefundReason::RequestedByCustomer, expected_version: 0 }
}

async fn refund(world: &World, charge: ChargeId, amount: i64) -> Result<Charge> {
    world.shop.refund_charge(of(charge, amount), &world.terms()).await
}

#[tokio::test]
async fn partial_refunds_add_up_and_stop_at_the_charge() {
    let world = World::new().await;
    let charge = world.charge(1000, false).await.id;
    assert_eq!(refund(&world, charge, 300).await.unwrap().refunded, 300);
    assert_eq!(refund(&world, charge, 200).await.unwrap().refunded, 500);
    assert_eq!(reason(refund(&world, charge, 501).await), "REFUND_EXCEEDS");
    let rest = refund(&world, charge, 0).await.unwrap();
    assert_eq!((rest.refunded, rest.refunds.len()), (1000, 3));
    assert!(rest.refunds.iter().all(|refund| refund.provider_refund_id.starts_with("re_")));
    assert_eq!(reason(refund(&world, charge, 1).await), "NOTHING_TO_REFUND");
    assert_eq!(world.wire.gateway.moved(), 0);
    world.assert_consistent().await;
}

#[tokio::test]
async fn refunds_at_once_never_exceed_the_charge() {
    for unlocked in [false, true] {
        let world = World::of(Plan { unlocked, ..Plan::default() }).await;
        let charge = world.charge(1000, false).await.id;
        let (a, b) = tokio::join!(refund(&world, charge, 600), refund(&world, charge, 600));
        assert_eq!([&a, &b].into_iter().filter(|answer| answer.is_ok()).count(), 1, "{a:?} {b:?}");
        world.assert_consistent().await;
        assert_eq!(world.charge_now(charge).await.refunded, 600);
    }
}

#[tokio::test]
async fn a_declined_refund_lets_its_amount_go() {
    let world = World::new().await;
    let charge = world.charge(1000, false).await.id;
    world.wire.gateway.next(Act::Decline(digota_core::payment::decline::DeclineCode::RefundNotAllowed));
    assert_eq!(declined(refund(&world, charge, 700).await), "refund_not_allowed");
    world.assert_consistent().await;
    let charge = refund(&world, charge, 1000).await.unwrap();
    let statuses: Vec<RefundStatus> = charge.refunds.iter().map(|refund| refund.status).collect();
    assert_eq!(statuses, [RefundStatus::Failed, RefundStatus::Succeeded]);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_lost_refund_holds_its_amount_until_it_is_known() {
    for (act, paid_back) in [(Act::LoseAfter, 700), (Act::LoseBefore, 0)] {
        let world = World::new().await;
        let charge = world.charge(1000, false).await.id;
        world.wire.gateway.next(act);
        assert!(is_pending(refund(&world, charge, 700).await));
        assert_eq!(world.charge_now(charge).await.pending_refund, 700);
        assert_eq!(reason(refund(&world, charge, 100).await), "PAYMENT_IN_PROGRESS");
        world.settle().await;
        assert_eq!(world.charge_now(charge).await.refunded, paid_back);
        world.assert_consistent().await;
        assert_eq!(refund(&world, charge, 0).await.unwrap().refunded, 1000);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn a_refund_that_the_gateway_fails_later_is_marked_failed() {
    let world = World::new().await;
    let charge = world.charge(1000, false).await.id;
    world.wire.gateway.next(Act::Pend);
    let terms = Terms { allow_pending: true, ..world.terms() };
    let pending = world.shop.refund_charge(of(charge, 400), &terms).await.unwrap();
    assert_eq!((pending.pending_refund, pending.refunds[0].status), (400, RefundStatus::Pending));
    world.wire.gateway.settle(pending.open_attempt.unwrap().0, Outcome::Canceled);
    world.settle().await;
    assert_eq!(world.charge_now(charge).await.refunds[0].status, RefundStatus::Failed);
    let events = world.events_of(charge).await;
    assert_eq!(events[2..], ["charge.refund_pending", "charge.refund_failed"]);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_refund_of_an_orders_charge_shows_in_the_order() {
    let world = World::new().await;
    let order = world.paid(2).await;
    refund(&world, order.charge.unwrap(), 500).await.unwrap();
    let order = world.order_now(order.id).await;
    assert_eq!((order.refunded, order.status), (500, OrderStatus::Paid));
    assert_eq!(world.events_of(order.id).await.last().map(String::as_str), Some("order.refunded"));
    world.assert_consistent().await;
}

#[tokio::test]
async fn what_was_not_taken_cannot_be_paid_back() {
    let world = World::new().await;
    let held = world.charge(1000, true).await.id;
    assert_eq!(reason(refund(&world, held, 1).await), "CHARGE_STATUS");
    let order = world.order(1).await;
    let _ = world.pay(order.id, "tok_card_declined").await;
    let failed = world.charges_of(order.id).await[0].id;
    assert_eq!(reason(refund(&world, failed, 1).await), "CHARGE_STATUS");
    world.assert_consistent().await;
}
