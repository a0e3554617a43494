//! Attempts whose outcome is not known: they stay open until the gateway tells, however that comes about.

use std::time::Duration;

use digota_core::Error;
use digota_core::order::OrderStatus;
use digota_core::payment::ChargeStatus;
use digota_core::payment::attempt::AttemptState;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::Clock;
use digota_core::port::gateway::{Capabilities, Outcome};
use digota_core::testing::gateway::Act;

use super::world::{Plan, World, is_pending, new_charge, pay};

#[tokio::test]
async fn a_lost_answer_leaves_the_payment_pending_and_the_stock_held() {
    let world = World::new().await;
    let order = world.order(2).await;
    let before = world.clock.now();
    assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
    assert!(world.clock.now() >= before.after(Duration::from_secs(30)), "the caller waited its time");
    let (order, pending) = world.shop.order(order.id).await.unwrap();
    assert_eq!(order.status, OrderStatus::Created);
    assert_eq!(pending.map(|charge| charge.status), Some(ChargeStatus::Pending));
    assert_eq!(world.stock().await, (10, 2));
}

#[tokio::test]
async fn who_understands_it_is_told_at_once_that_the_payment_is_pending() {
    let world = World::new().await;
    let order = world.order(2).await;
    let before = world.clock.now();
    let answer = world.shop.pay(pay(order.id, "tok_pending"), &world.patient()).await.unwrap();
    assert_eq!(world.clock.now(), before);
    let pending = answer.pending.unwrap();
    assert_eq!((answer.order.pending_charge, pending.status), (Some(pending.id), ChargeStatus::Pending));
}

#[tokio::test]
async fn a_lost_payment_that_is_found_pays_the_order() {
    let world = World::new().await;
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    assert_eq!((world.stock().await, world.wire.asked("charge")), ((8, 0), 1));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_lost_payment_that_never_arrived_is_made_impossible_and_let_go() {
    let world = World::new().await;
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_lose_before").await));
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    assert_eq!((world.stock().await, world.wire.asked("cancel")), ((10, 0), 1));
    assert_eq!(world.charges_of(order.id).await[0].status, ChargeStatus::Failed);
    world.assert_consistent().await;
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

fn without_cancel(plain: Capabilities) -> Capabilities {
    Capabilities { cancel: false, ..plain }
}

#[tokio::test]
async fn where_nothing_can_be_made_impossible_a_payment_must_stay_absent_until_it_cannot_arrive() {
    let world = World::of(Plan { capabilities: Some(without_cancel), ..Plan::default() }).await;
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_lose_before").await));
    let sent = world.next_due().await.unwrap().0.sent;
    while world.janitor().await {
        let open = world.next_due().await;
        let early = world.clock.now() < sent.after(Duration::from_secs(30 + 60));
        assert!(open.is_some() || !early, "given up too early");
    }
    assert_eq!(world.wire.asked("cancel"), 0);
    assert!(world.wire.asked("find") >= 2, "looked for more than once");
    assert_eq!(world.charges_of(order.id).await[0].status, ChargeStatus::Failed);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_request_that_arrives_after_it_was_given_up_moves_no_money() {
    let world = World::new().await;
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_late").await));
    world.settle().await;
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
    world.wire.deliver().await;
    assert_eq!(world.wire.gateway.moved(), i128::from(order.money.amount));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_request_that_arrives_late_pays_if_nothing_could_be_made_impossible() {
    let world = World::of(Plan { capabilities: Some(without_cancel), ..Plan::default() }).await;
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_late").await));
    world.janitor().await;
    world.janitor().await;
    assert!(is_pending(world.pay(order.id, "tok_ok").await), "no second charge meanwhile");
    world.wire.deliver().await;
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    assert_eq!(world.wire.gateway.moved(), i128::from(order.money.amount));
    world.assert_consistent().await;
}

#[tokio::test]
async fn unknown_never_becomes_failed_by_time_alone() {
    let world = World::new().await;
    let order = world.order(2).await;
    world.wire.blind(true);
    assert!(is_pending(world.pay(order.id, "tok_lose_before").await));
    for _ in 0..20 {
        assert!(world.janitor().await);
    }
    let stored = world.order_now(order.id).await;
    assert!(stored.open_attempt.is_some());
    assert_eq!(world.stock().await, (10, 2));
    world.wire.blind(false);
    world.settle().await;
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_pending_payment_ends_as_the_gateway_ends_it() {
    for (end, status) in [(Outcome::Succeeded, OrderStatus::Paid), (Outcome::Canceled, OrderStatus::Created)]
    {
        let world = World::new().await;
        let order = world.order(2).await;
        assert!(is_pending(world.pay(order.id, "tok_pending").await));
        world.janitor().await;
        let open = world.order_now(order.id).await.open_attempt.unwrap();
        assert_eq!(world.attempt_now(open).await.state, AttemptState::Pending);
        world.wire.gateway.settle(open.0, end);
        world.settle().await;
        assert_eq!(world.order_now(order.id).await.status, status);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn a_pending_payment_stays_pending_while_lookups_fail() {
    let world = World::new().await;
    let order = world.order(1).await;
    let _ = world.shop.pay(pay(order.id, "tok_challenge"), &world.patient()).await.unwrap();
    world.wire.blind(true);
    world.janitor().await;
    let (_, pending) = world.shop.order(order.id).await.unwrap();
    let pending = pending.unwrap();
    assert_eq!(pending.status, ChargeStatus::RequiresAction, "the buyer may be looking at it");
    assert!(pending.next_action.is_some());
}

#[tokio::test]
async fn a_lost_charge_of_its_own_is_settled_too() {
    for (name, status) in
        [("tok_lose_after", ChargeStatus::Succeeded), ("tok_lose_before", ChargeStatus::Failed)]
    {
        let world = World::new().await;
        let answer = world.shop.new_charge(new_charge(700, false, name), &world.terms()).await;
        let Err(Error::Pending { charge: Some(charge) }) = answer else { panic!("{answer:?}") };
        world.settle().await;
        assert_eq!(world.charge_now(charge).await.status, status);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn the_process_that_dies_while_the_gateway_works_loses_nothing() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.wire.hold(true);
    // The request is dropped on the floor while it waits for the gateway.
    tokio::select! {
        answer = world.pay(order.id, "tok_ok") => panic!("{answer:?}"),
        () = world.wire.reached() => {}
    }
    world.wire.hold(false);
    let other = world.node(2);
    assert_eq!(other.janitor_round().await.unwrap().looked, 0, "its lease holds");
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_that_was_authorised_instead_stays_open_for_a_person() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.wire.gateway.next(Act::Pend);
    assert!(is_pending(world.pay(order.id, "tok_ok").await));
    let open = world.order_now(order.id).await.open_attempt.unwrap();
    world.wire.gateway.settle(open.0, Outcome::Authorized);
    let checks = world.attempt_now(open).await.checks;
    for _ in 0..3 {
        world.janitor().await;
    }
    let attempt = world.attempt_now(open).await;
    assert_eq!(attempt.state, AttemptState::Unknown);
    assert_eq!(attempt.checks, checks + 3, "asked on the rising schedule like any other");
}

#[tokio::test]
async fn a_late_decline_releases_and_names_its_cause() {
    use digota_core::payment::decline::{Advice, Decline};
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_pending").await));
    let open = world.order_now(order.id).await.open_attempt.unwrap();
    let code = DeclineCode::ExpiredCard;
    let decline = Decline { code, raw: String::new(), advice: Advice::RetryWithNewData };
    world.wire.gateway.settle(open.0, Outcome::Declined(decline));
    world.settle().await;
    assert_eq!(world.charges_of(order.id).await[0].failure, Some(code));
    assert_eq!(world.stock().await, (10, 0));
    world.assert_consistent().await;
}
