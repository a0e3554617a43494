//! Paying an order once: what is written when, and what is refused.

use std::time::Duration;

use digota_core::Error;
use digota_core::order::OrderStatus;
use digota_core::payment::ChargeStatus;
use digota_core::payment::attempt::AttemptState;
use digota_core::port::Clock;
use digota_core::port::gateway::Capabilities;
use digota_core::shop::{Pay, Policy, Terms};
use digota_core::testing::gateway::{Act, Script};
use digota_core::time::Timestamp;

use super::world::{Plan, World, declined, is_pending, new_charge, pay, reason, usd};

#[tokio::test]
async fn a_good_card_pays_the_order() {
    let world = World::new().await;
    let order = world.order(3).await;
    let paid = world.pay(order.id, "tok_ok").await.unwrap();
    assert_eq!((paid.order.status, paid.pending), (OrderStatus::Paid, None));
    assert_eq!(paid.order, world.order_now(order.id).await);
    let charge = world.charge_now(paid.order.charge.unwrap()).await;
    assert_eq!((charge.status, charge.money), (ChargeStatus::Succeeded, order.money));
    assert_eq!(world.stock().await, (7, 0));
    assert_eq!(world.events_of(order.id).await, ["order.created", "order.payment_pending", "order.paid"]);
    assert_eq!(world.events_of(charge.id).await, ["charge.pending", "charge.succeeded"]);
    world.assert_consistent().await;
}

#[tokio::test]
async fn stock_is_held_while_the_gateway_is_asked() {
    let world = World::new().await;
    let order = world.order(4).await;
    world.wire.hold(true);
    let meanwhile = async {
        world.wire.reached().await;
        let held = world.stock().await;
        world.wire.hold(false);
        held
    };
    let (paid, held) = tokio::join!(world.pay(order.id, "tok_ok"), meanwhile);
    assert_eq!(paid.unwrap().order.status, OrderStatus::Paid);
    assert_eq!((held, world.stock().await), ((10, 4), (6, 0)));
}

#[tokio::test]
async fn a_paid_order_cannot_be_paid_again() {
    let world = World::new().await;
    let order = world.paid(1).await;
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "ORDER_STATUS");
    assert_eq!(world.wire.asked("charge"), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_declined_card_lets_the_stock_go_and_another_card_pays() {
    let world = World::new().await;
    let order = world.order(2).await;
    assert_eq!(declined(world.pay(order.id, "tok_card_declined").await), "card_declined");
    assert_eq!(world.stock().await, (10, 0));
    let [failed] = &world.charges_of(order.id).await[..] else { panic!("one charge") };
    assert_eq!(failed.status, ChargeStatus::Failed);
    assert_eq!(failed.failure.map(|code| code.text()), Some("card_declined"));
    world.assert_consistent().await;
    let paid = world.pay(order.id, "tok_ok").await.unwrap().order;
    assert_eq!((paid.status, world.stock().await), (OrderStatus::Paid, (8, 0)));
    let failed_then_paid = [
        "order.created",
        "order.payment_pending",
        "order.payment_failed",
        "order.payment_pending",
        "order.paid",
    ];
    assert_eq!(world.events_of(order.id).await, failed_then_paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_gateway_that_was_not_reached_leaves_the_order_payable() {
    let world = World::new().await;
    let order = world.order(2).await;
    let answer = world.pay(order.id, "tok_never_sent").await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    world.assert_consistent().await;
    assert_eq!(world.stock().await, (10, 0));
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
}

#[tokio::test]
async fn an_answer_after_the_deadline_still_counts() {
    let world = World::new().await;
    let order = world.order(1).await;
    let slow =
        |after| Script { act: Act::Succeed, effect_after: after, answer_after: Duration::from_secs(9) };
    world.wire.gateway.next(slow(Duration::from_secs(15)));
    let terms = Terms::until(world.clock.now().after(Duration::from_secs(2)));
    let answer = world.shop.pay(pay(order.id, "tok_ok"), &terms).await;
    assert_eq!(answer.unwrap().order.status, OrderStatus::Paid);
    assert!(world.clock.now() > terms.answer_by);
    world.assert_consistent().await;
}

#[tokio::test]
async fn who_waited_too_long_for_the_lock_is_not_charged() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.wire.hold(true);
    world.clock.advance(Duration::from_secs(31));
    let terms = Terms::until(world.clock.now());
    let answer = world.shop.pay(pay(order.id, "tok_ok"), &terms).await;
    assert_eq!(answer, Err(Error::Pending { charge: None }));
    assert_eq!(world.wire.asked("charge"), 0);
    assert!(world.charges_of(order.id).await.is_empty());
    world.assert_consistent().await;
}

#[tokio::test]
async fn who_went_away_is_not_charged_by_what_had_not_begun() {
    let world = World::new().await;
    let order = world.order(1).await;
    let terms = world.keyed("k");
    terms.progress.leave();
    assert!(matches!(
        world.shop.pay(pay(order.id, "tok_ok"), &terms).await,
        Err(Error::Pending { charge: None })
    ));
    let charge = world.shop.new_charge(new_charge(900, false, "tok_ok"), &terms).await;
    assert!(matches!(charge, Err(Error::Pending { charge: None })));
    assert_eq!(world.wire.asked("charge"), 0);
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

/// A clock that jumps back makes every deadline late: what waits for a key must not go on once its caller was answered.
#[tokio::test]
async fn who_waited_for_a_key_and_went_away_starts_nothing_when_it_is_free() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.shop.pay(pay(order.id, "tok_lose_before"), &world.keyed("k")).await));
    let terms = Terms { answer_by: Timestamp(i64::MAX), ..world.keyed("k") };
    let meanwhile = async {
        terms.progress.leave();
        world.settle().await;
    };
    let (again, ()) = tokio::join!(world.shop.pay(pay(order.id, "tok_ok"), &terms), meanwhile);
    assert!(matches!(again, Err(Error::Busy { .. } | Error::Pending { .. })), "{again:?}");
    assert_eq!(world.wire.asked("charge"), 1);
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    world.assert_consistent().await;
}

#[tokio::test]
async fn more_payments_than_allowed_are_refused_before_anything_is_written() {
    let policy = Policy { payments_in_flight_max: 2, ..Policy::default() };
    let world = World::of(Plan { policy, ..Plan::default() }).await;
    let orders = [world.order(1).await, world.order(1).await, world.order(1).await];
    world.wire.hold(true);
    let third = async {
        world.wire.reached().await;
        let answer = world.pay(orders[2].id, "tok_ok").await;
        world.wire.hold(false);
        answer
    };
    let [a, b, _] = &orders;
    let (a, b, third) = tokio::join!(world.pay(a.id, "tok_ok"), world.pay(b.id, "tok_ok"), third);
    assert!(a.is_ok() && b.is_ok());
    assert!(matches!(third, Err(Error::Overloaded { .. })), "{third:?}");
    assert!(world.charges_of(orders[2].id).await.is_empty());
    assert!(world.pay(orders[2].id, "tok_ok").await.is_ok(), "there is room again");
    world.assert_consistent().await;
}

#[tokio::test]
async fn an_expired_order_cannot_be_paid() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.clock.set(order.expires);
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "ORDER_EXPIRED");
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_begun_in_time_counts_however_late_it_ends() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.clock.set(order.expires.before(Duration::from_micros(1)));
    world.wire.blind(true);
    assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
    assert!(world.clock.now() > order.expires);
    world.wire.blind(false);
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn an_order_of_amount_zero_cannot_be_paid() {
    let world = World::new().await;
    let free = digota_core::sku::SkuChange { price: Some(0), ..Default::default() };
    world.change_sku(free).await;
    let order = world.order(1).await;
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "NOTHING_TO_PAY");
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_provider_that_is_not_configured_is_refused() {
    let world = World::new().await;
    let order = world.order(1).await;
    let provider = digota_core::payment::Provider::Stripe;
    let answer = world.shop.pay(Pay { provider, ..pay(order.id, "tok_ok") }, &world.terms()).await;
    assert_eq!(reason(answer), "PROVIDER_NOT_CONFIGURED");
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_version_that_is_not_current_is_refused() {
    let world = World::new().await;
    let order = world.order(1).await;
    let of_version = |expected_version| Pay { expected_version, ..pay(order.id, "tok_ok") };
    let answer = world.shop.pay(of_version(7), &world.terms()).await;
    assert!(matches!(answer, Err(Error::Stale { current: 1, .. })), "{answer:?}");
    assert!(world.shop.pay(of_version(1), &world.terms()).await.is_ok());
    world.assert_consistent().await;
}

#[tokio::test]
async fn money_that_is_not_what_was_asked_is_not_believed() {
    let world = World::new().await;
    let order = world.order(2).await;
    *world.wire.lie.lock().unwrap() = Some(1);
    assert!(is_pending(world.pay(order.id, "tok_ok").await));
    world.janitor().await;
    let stored = world.order_now(order.id).await;
    let attempt = world.attempt_now(stored.open_attempt.unwrap()).await;
    assert_eq!(attempt.state, AttemptState::Unknown);
    assert!(attempt.evidence.contains("0.01 USD"), "{}", attempt.evidence);
    assert_eq!(stored.status, OrderStatus::Created);
    assert_eq!(world.stock().await, (10, 2), "the goods stay held for the buyer");
    *world.wire.lie.lock().unwrap() = None;
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

fn two_steps(plain: Capabilities) -> Capabilities {
    Capabilities { two_step: true, ..plain }
}

#[tokio::test]
async fn a_gateway_of_two_steps_has_its_id_committed_before_money_can_move() {
    let world = World::of(Plan { capabilities: Some(two_steps), ..Plan::default() }).await;
    let order = world.order(1).await;
    world.wire.hold_at("charge");
    let meanwhile = async {
        world.wire.reached().await;
        let open = world.order_now(order.id).await.open_attempt.unwrap();
        world.wire.hold(false);
        world.attempt_now(open).await.reference
    };
    let (paid, known) = tokio::join!(world.pay(order.id, "tok_ok"), meanwhile);
    assert_eq!(*world.wire.log.lock().unwrap(), ["prepare", "charge"]);
    let charge = world.charge_now(paid.unwrap().order.charge.unwrap()).await;
    assert_eq!(known, Some(charge.provider_charge_id));
    world.assert_consistent().await;
}

#[tokio::test]
async fn the_card_shows_in_the_charge_by_its_last_digits_only() {
    use digota_core::payment::card::{Brand, Card, CardText, Source};
    let world = World::new().await;
    let order = world.order(1).await;
    let text = CardText {
        number: "4242424242424242",
        cvc: "987",
        expiry_month: "12",
        expiry_year: "2032",
        first_name: "Ada",
        last_name: "Lovelace",
    };
    let source = Source::Card(Card::new(Brand::Visa, &text).unwrap());
    let paid = world.shop.pay(Pay { source, ..pay(order.id, "") }, &world.terms()).await.unwrap().order;
    let charge = world.charge_now(paid.charge.unwrap()).await;
    assert_eq!((charge.card_brand, charge.card_last4.as_str()), (Some(Brand::Visa), "4242"));
    let events = digota_core::port::Store::events(world.flaky.inner(), 0, u32::MAX).await.unwrap();
    assert!(events.iter().all(|(_, event)| !event.body.contains("4242424242424242")));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_charge_of_its_own_succeeds_or_is_declined_for_good() {
    use super::world::new_charge;
    let world = World::new().await;
    let charge = world.charge(500, false).await;
    assert_eq!((charge.status, charge.money), (ChargeStatus::Succeeded, usd(500)));
    let answer = world.shop.new_charge(new_charge(500, false, "tok_expired_card"), &world.terms()).await;
    assert_eq!(declined(answer), "expired_card");
    let answer = world.shop.new_charge(new_charge(0, false, "tok_ok"), &world.terms()).await;
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_that_waits_for_its_gateway_is_small() {
    let world = World::new().await;
    let order = world.order(1).await;
    let terms = world.terms();
    let waiting = world.shop.pay(pay(order.id, "tok_ok"), &terms);
    let bytes = std::mem::size_of_val(&waiting);
    assert!(bytes < 4096, "{bytes} bytes wait with every payment: give seldom steps memory of their own");
}
