//! Several requests for one order at once: one charge, and what is refused meanwhile.

use digota_core::order::OrderStatus;
use digota_core::payment::RefundReason;
use digota_core::shop::returns::Return;

use super::world::{Plan, World, declined, is_pending, pay, reason};

#[tokio::test]
async fn two_payments_at_once_charge_once_and_both_are_told() {
    for unlocked in [false, true] {
        let world = World::of(Plan { unlocked, ..Plan::default() }).await;
        let order = world.order(2).await;
        world.wire.hold(true);
        let (a, b, ()) = tokio::join!(
            world.pay(order.id, "tok_ok"),
            world.pay(order.id, "tok_ok"),
            world.wire.let_go_later()
        );
        assert_eq!(a.unwrap().order.status, OrderStatus::Paid);
        assert_eq!(b.unwrap().order.status, OrderStatus::Paid);
        assert_eq!((world.wire.asked("charge"), world.stock().await), (1, (8, 0)));
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn two_payments_at_once_are_declined_together() {
    let world = World::new().await;
    let order = world.order(2).await;
    world.wire.hold(true);
    let (first, second, ()) = tokio::join!(
        world.pay(order.id, "tok_incorrect_cvc"),
        world.pay(order.id, "tok_ok"),
        world.wire.let_go_later()
    );
    assert_eq!(declined(first), "incorrect_cvc");
    assert_eq!(declined(second), "incorrect_cvc");
    assert_eq!(world.wire.asked("charge"), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_second_payment_joins_one_that_was_lost() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
    assert!(is_pending(world.pay(order.id, "tok_ok").await), "it waits for the same outcome");
    let (joined, _) = tokio::join!(world.pay(order.id, "tok_ok"), world.settle());
    assert_eq!(joined.unwrap().order.status, OrderStatus::Paid);
    assert_eq!(world.wire.asked("charge"), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn who_joins_keeps_the_answer_for_its_own_key() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.wire.hold(true);
    let (one, two) = (world.keyed("first"), world.keyed("second"));
    let (first, second, ()) = tokio::join!(
        world.shop.pay(pay(order.id, "tok_ok"), &one),
        world.shop.pay(pay(order.id, "tok_ok"), &two),
        world.wire.let_go_later()
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    world.shop.fulfill_order(order.id, "", "", 0, &world.terms()).await.unwrap();
    for key in ["first", "second"] {
        let again = world.shop.pay(pay(order.id, "tok_ok"), &world.keyed(key)).await.unwrap();
        assert_eq!(again, first, "as it was answered then");
    }
    world.assert_consistent().await;
}

#[tokio::test]
async fn nothing_else_happens_to_an_order_while_its_payment_is_open() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_pending").await));
    let terms = world.terms();
    assert_eq!(reason(world.shop.cancel_order(order.id, "", 0, &terms).await), "PAYMENT_IN_PROGRESS");
    assert_eq!(reason(world.shop.fulfill_order(order.id, "", "", 0, &terms).await), "PAYMENT_IN_PROGRESS");
    let request = Return {
        order: order.id,
        goods: Vec::new(),
        amount: 0,
        reason: RefundReason::default(),
        restock: true,
        expected_version: 0,
    };
    assert_eq!(reason(world.shop.return_order(request, &terms).await), "PAYMENT_IN_PROGRESS");
}

#[tokio::test]
async fn an_order_canceled_while_it_waits_is_not_charged() {
    let world = World::of(Plan { unlocked: true, ..Plan::default() }).await;
    let order = world.order(1).await;
    let terms = world.terms();
    let cancel = world.shop.cancel_order(order.id, "changed my mind", 0, &terms);
    let (canceled, paid) = tokio::join!(cancel, world.pay(order.id, "tok_ok"));
    assert_eq!(canceled.unwrap().status, OrderStatus::Canceled);
    assert_eq!(reason(paid), "ORDER_STATUS");
    assert_eq!(world.wire.asked("charge"), 0);
    world.assert_consistent().await;
}
