//! Idempotency keys: the same request has one effect and one answer.

use digota_core::Error;
use digota_core::payment::RefundReason;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::{Key, Terms};
use digota_core::sku::SkuChange;
use digota_core::testing::gateway::Act;

use super::world::{Plan, World, declined, draft, is_pending, key_of, new_charge, pay, sku_details};

#[tokio::test]
async fn the_same_order_is_made_once() {
    let world = World::new().await;
    let request = || draft(&[(world.skus[0], 1)]);
    let first = world.shop.new_order(request(), &world.keyed("k")).await.unwrap();
    assert_eq!(world.shop.new_order(request(), &world.keyed("k")).await.unwrap(), first);
    assert_eq!(world.all_orders().await.len(), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn orders_made_at_once_with_one_key_are_one() {
    for seed in 0..30 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let request = || draft(&[(world.skus[0], 1)]);
        let (a, b) = (world.keyed("k"), world.keyed("k"));
        let (a, b) = tokio::join!(world.shop.new_order(request(), &a), world.shop.new_order(request(), &b));
        assert_eq!(a.unwrap(), b.unwrap());
        assert_eq!(world.all_orders().await.len(), 1);
    }
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await.unwrap();
    let other = Terms { key: Some(key_of("k", "other")), ..world.terms() };
    assert_eq!(world.shop.pay(pay(order.id, "tok_ok"), &other).await, Err(Error::KeyReused));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_is_answered_from_its_key_for_ever_after() {
    let world = World::new().await;
    let order = world.order(1).await;
    let first = world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await.unwrap();
    world.shop.fulfill_order(order.id, "post", "1", 0, &world.terms()).await.unwrap();
    assert_eq!(world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await.unwrap(), first);
    assert_eq!(world.wire.asked("charge"), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_decline_is_answered_from_its_key_and_a_new_key_tries_again() {
    let world = World::new().await;
    let order = world.order(1).await;
    for _ in 0..2 {
        let answer = world.shop.pay(pay(order.id, "tok_card_declined"), &world.keyed("k")).await;
        assert_eq!(declined(answer), "card_declined");
    }
    assert_eq!(world.wire.asked("charge"), 1);
    world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k2")).await.unwrap();
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_repeated_write_of_a_sku_tells_its_stock_of_then() {
    let world = World::new().await;
    let (shop, id, details) = (&world.shop, world.skus[0], sku_details("Another", world.product));
    let renamed = || SkuChange { name: Some("Renamed".into()), ..SkuChange::default() };
    let counted = || SkuChange { quantity: Some(7), ..SkuChange::default() };
    let (new, rename, count, adjust) =
        (world.keyed("new"), world.keyed("rename"), world.keyed("count"), world.keyed("adjust"));
    let mut rounds = vec![];
    for _ in 0..2 {
        rounds.push([
            shop.new_sku(details.clone(), 4, &new).await.unwrap(),
            shop.update_sku(id, renamed(), 0, &rename).await.unwrap(),
            shop.update_sku(id, counted(), 0, &count).await.unwrap(),
            shop.adjust_inventory(id, 3, "found", 0, &adjust).await.unwrap(),
        ]);
        for sku in [rounds[0][0].sku.id, id] {
            shop.adjust_inventory(sku, 100, "delivered", 0, &world.terms()).await.unwrap();
        }
    }
    assert_eq!(rounds[1], rounds[0]);
    let available = rounds[0].each_ref().map(|answer| answer.stock.available());
    assert_eq!(available, [4, rounds[0][1].stock.on_hand, 7, 10]);
    assert_eq!(world.stock_of(id).await.available(), 210);
}

#[tokio::test]
async fn a_key_whose_request_did_nothing_is_free_again() {
    let world = World::new().await;
    let order = world.order(1).await;
    let answer = world.shop.pay(pay(order.id, "tok_never_sent"), &world.keyed("k")).await;
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    assert_eq!(world.key("k").await, None);
    world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await.unwrap();
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_request_refused_by_a_rule_does_not_take_its_key() {
    let world = World::new().await;
    let order = world.order(1000).await;
    let answer = world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await;
    assert_eq!(super::world::reason(answer), "OUT_OF_STOCK");
    assert_eq!(world.key("k").await, None);
}

#[tokio::test]
async fn a_repetition_of_what_is_under_way_waits_and_then_gives_up_naming_the_charge() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.shop.pay(pay(order.id, "tok_pending"), &world.keyed("k")).await));
    let terms = world.keyed("k");
    let answer = world.shop.pay(pay(order.id, "tok_pending"), &terms).await;
    assert!(matches!(answer, Err(Error::Busy { .. })), "{answer:?}");
    assert!(world.shop.now() >= terms.answer_by);
    assert_eq!(terms.progress.charge(), world.order_now(order.id).await.pending_charge);
    assert_eq!(world.wire.asked("charge"), 1);
}

#[tokio::test]
async fn the_janitor_answers_the_key_in_the_commit_that_makes_it_true() {
    for (name, ok) in [("tok_lose_after", true), ("tok_lose_before", false)] {
        let world = World::new().await;
        let order = world.order(1).await;
        assert!(is_pending(world.shop.pay(pay(order.id, name), &world.keyed("k")).await));
        world.settle().await;
        let known = world.key("k").await;
        assert_eq!(known.is_some_and(|(_, answer)| answer.is_some()), ok, "answered, or free again");
        let again = world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await.unwrap();
        assert_eq!(again.order, world.order_now(order.id).await);
        world.assert_consistent().await;
    }
}

/// The order may have changed again by the time at which the one who waits looks.
#[tokio::test]
async fn who_waits_for_a_payment_that_another_ended_is_told_what_the_key_keeps() {
    let world = World::new().await;
    let order = world.order(1).await;
    let waits = world.keyed("k");
    let ends = async {
        world.wire.reached().await;
        world.settle().await;
        world.shop.fulfill_order(order.id, "", "", 0, &world.terms()).await.unwrap();
        world.wire.hold(false);
    };
    world.wire.hold_at("answer");
    let (told, ()) = tokio::join!(world.shop.pay(pay(order.id, "tok_ok"), &waits), ends);
    let again = world.shop.pay(pay(order.id, "tok_ok"), &world.keyed("k")).await;
    assert_eq!(told.unwrap(), again.unwrap());
    world.assert_consistent().await;
}

#[tokio::test]
async fn the_same_charge_is_made_once_even_at_once() {
    for seed in 0..30 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let request = || new_charge(500, false, "tok_ok");
        let (a, b) = (world.keyed("k"), world.keyed("k"));
        let (a, b) = tokio::join!(world.shop.new_charge(request(), &a), world.shop.new_charge(request(), &b));
        assert_eq!(a.unwrap(), b.unwrap());
        assert_eq!(world.wire.asked("charge"), 1);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn the_same_refund_is_made_once_even_at_once() {
    for (expected, seed) in (0..30).flat_map(|seed| [(0, seed), (2, seed)]) {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let charge = world.charge(1000, false).await;
        assert_eq!(charge.version, 2);
        let refund = RefundCharge {
            charge: charge.id,
            amount: 300,
            reason: RefundReason::default(),
            expected_version: expected,
        };
        let (a, b) = (world.keyed("k"), world.keyed("k"));
        let (a, b) = tokio::join!(world.shop.refund_charge(refund, &a), world.shop.refund_charge(refund, &b));
        assert_eq!(a.unwrap(), b.unwrap());
        assert_eq!(world.wire.gateway.moved(), 700);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn the_same_payment_at_once_has_one_answer_even_with_a_version() {
    for seed in 0..30 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let order = world.order(1).await;
        let request = || digota_core::shop::Pay { expected_version: 1, ..pay(order.id, "tok_ok") };
        let (a, b, c) = (world.keyed("k"), world.keyed("k"), world.keyed("k"));
        let (a, b, c) = tokio::join!(
            world.shop.pay(request(), &a),
            world.shop.pay(request(), &b),
            world.shop.pay(request(), &c)
        );
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert_eq!((&a, &a), (&b, &c));
        assert_eq!(world.wire.asked("charge"), 1);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn the_same_cancellation_at_once_has_one_answer() {
    for seed in 0..30 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let order = world.order(1).await;
        let (a, b) = (world.keyed("k"), world.keyed("k"));
        let (a, b) = tokio::join!(
            world.shop.cancel_order(order.id, "", 0, &a),
            world.shop.cancel_order(order.id, "", 0, &b)
        );
        assert_eq!(a.unwrap(), b.unwrap());
    }
}

#[tokio::test]
async fn keys_of_different_callers_do_not_meet() {
    let world = World::new().await;
    let Key { scope, fingerprint } = key_of("k", "same");
    let other =
        Key { scope: digota_core::port::store::KeyScope { principal: "else".into(), ..scope }, fingerprint };
    let request = || draft(&[(world.skus[0], 1)]);
    world.shop.new_order(request(), &world.keyed("k")).await.unwrap();
    let terms = Terms { key: Some(other), ..world.terms() };
    world.shop.new_order(request(), &terms).await.unwrap();
    assert_eq!(world.all_orders().await.len(), 2);
}

#[tokio::test]
async fn a_declined_refund_is_answered_from_its_key() {
    let world = World::new().await;
    let charge = world.charge(1000, false).await.id;
    let refund = RefundCharge { charge, amount: 300, reason: RefundReason::default(), expected_version: 0 };
    world.wire.gateway.next(Act::Decline(digota_core::payment::decline::DeclineCode::RefundNotAllowed));
    for _ in 0..2 {
        let answer = world.shop.refund_charge(refund, &world.keyed("k")).await;
        assert_eq!(declined(answer), "refund_not_allowed");
    }
    assert_eq!(world.wire.asked("refund"), 1);
    world.assert_consistent().await;
}
