//! Cards whose bank wants to see the buyer first.

use std::time::Duration;

use digota_core::order::OrderStatus;
use digota_core::payment::ChargeStatus;
use digota_core::port::gateway::{Capabilities, Outcome};

use super::world::{Plan, World, declined, is_pending, new_charge, pay};

#[tokio::test]
async fn who_cannot_be_shown_a_challenge_may_try_another_card_at_once() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert_eq!(declined(world.pay(order.id, "tok_challenge").await), "authentication_required");
    assert_eq!(world.wire.asked("cancel"), 1);
    world.assert_consistent().await;
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn who_can_be_shown_a_challenge_is_told_where_to_go() {
    let world = World::new().await;
    let order = world.order(1).await;
    let answer = world.shop.pay(pay(order.id, "tok_challenge"), &world.patient()).await.unwrap();
    let charge = answer.pending.unwrap();
    assert_eq!(charge.status, ChargeStatus::RequiresAction);
    assert!(charge.next_action.unwrap().url.starts_with("https://"));
    assert_eq!(answer.order.status, OrderStatus::Created);
    assert_eq!(world.stock().await, (10, 1));
}

#[tokio::test]
async fn a_challenge_that_was_passed_pays() {
    let world = World::new().await;
    let order = world.order(1).await;
    let answer = world.shop.pay(pay(order.id, "tok_challenge"), &world.patient()).await.unwrap();
    world.wire.gateway.settle(answer.order.open_attempt.unwrap().0, Outcome::Succeeded);
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_challenge_that_expired_is_made_impossible_and_fails() {
    let world = World::new().await;
    let order = world.order(1).await;
    let answer = world.shop.pay(pay(order.id, "tok_challenge"), &world.patient()).await.unwrap();
    let expires = answer.pending.unwrap().next_action.unwrap().expires;
    while world.next_due().await.is_some_and(|(_, at)| at < expires) {
        world.janitor().await;
        assert_eq!(world.charges_of(order.id).await[0].status, ChargeStatus::RequiresAction);
    }
    assert_eq!(world.wire.asked("cancel"), 0, "the buyer had time");
    world.settle().await;
    let failed = &world.charges_of(order.id).await[0];
    assert_eq!(failed.failure.map(|code| code.text()), Some("authentication_required"));
    world.assert_consistent().await;
}

fn without_cancel(plain: Capabilities) -> Capabilities {
    Capabilities { cancel: false, ..plain }
}

#[tokio::test]
async fn a_gateway_that_cannot_cancel_is_never_asked_to() {
    let world = World::of(Plan { capabilities: Some(without_cancel), ..Plan::default() }).await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_challenge").await), "its buyer may still pass it");
    let open = world.order_now(order.id).await.open_attempt.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    for _ in 0..5 {
        world.janitor().await;
    }
    assert_eq!(world.wire.asked("cancel"), 0);
    world.wire.gateway.settle(open.0, Outcome::Canceled);
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_charge_of_its_own_can_be_challenged_too() {
    let world = World::new().await;
    let answer = world.shop.new_charge(new_charge(900, false, "tok_challenge"), &world.terms()).await;
    assert_eq!(declined(answer), "authentication_required");
    let charge =
        world.shop.new_charge(new_charge(900, false, "tok_challenge"), &world.patient()).await.unwrap();
    assert_eq!(charge.status, ChargeStatus::RequiresAction);
    world.wire.gateway.settle(charge.open_attempt.unwrap().0, Outcome::Succeeded);
    world.settle().await;
    assert_eq!(world.charge_now(charge.id).await.status, ChargeStatus::Succeeded);
    world.assert_consistent().await;
}
