//! Returning an order: money back, goods back, whatever is left of either.

use digota_core::Result;
use digota_core::id::{OrderId, SkuId};
use digota_core::order::{Order, OrderStatus};
use digota_core::payment::RefundReason;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::sku::SkuChange;
use digota_core::testing::gateway::Act;

use super::world::{PRICE, Plan, World, declined, is_pending, reason};

fn of(order: OrderId, goods: &[(SkuId, i64)]) -> Return {
    Return {
        order,
        goods: goods.to_vec(),
        amount: 0,
        reason: RefundReason::default(),
        restock: true,
        expected_version: 0,
    }
}

async fn give_back(world: &World, request: Return) -> Result<Order> {
    world.shop.return_order(request, &world.terms()).await.map(|done| done.order)
}

#[tokio::test]
async fn a_paid_order_that_comes_back_whole_is_canceled() {
    let world = World::new().await;
    let order = world.paid(3).await;
    let order = give_back(&world, of(order.id, &[])).await.unwrap();
    assert_eq!((order.status, order.refunded), (OrderStatus::Canceled, 3 * PRICE));
    assert_eq!(world.stock().await, (10, 0));
    assert_eq!(world.wire.gateway.moved(), 0);
    assert_eq!(world.events_of(order.id).await.last().map(String::as_str), Some("order.canceled"));
    assert_eq!(reason(give_back(&world, of(order.id, &[])).await), "ORDER_STATUS");
    world.assert_consistent().await;
}

#[tokio::test]
async fn goods_come_back_piece_by_piece() {
    let world = World::new().await;
    let order = world.paid(3).await;
    let sku = world.skus[0];
    let order = give_back(&world, of(order.id, &[(sku, 2)])).await.unwrap();
    assert_eq!((order.status, order.refunded, world.stock().await), (OrderStatus::Paid, 2 * PRICE, (9, 0)));
    assert_eq!(reason(give_back(&world, of(order.id, &[(sku, 2)])).await), "RETURN_EXCEEDS");
    let order = give_back(&world, of(order.id, &[(sku, 1)])).await.unwrap();
    assert_eq!((order.status, order.refunded), (OrderStatus::Canceled, 3 * PRICE));
    world.assert_consistent().await;
}

#[tokio::test]
async fn goods_that_were_sent_go_back_into_stock_only_if_asked() {
    for (restock, left) in [(true, 10), (false, 8)] {
        let world = World::new().await;
        let order = world.paid(2).await;
        world.shop.fulfill_order(order.id, "post", "1", 0, &world.terms()).await.unwrap();
        let request = Return { restock, ..of(order.id, &[]) };
        assert_eq!(give_back(&world, request).await.unwrap().status, OrderStatus::Returned);
        assert_eq!(world.stock().await, (left, 0));
    }
}

#[tokio::test]
async fn goods_that_were_not_sent_always_go_back_into_stock() {
    let world = World::new().await;
    let order = world.paid(2).await;
    give_back(&world, Return { restock: false, ..of(order.id, &[]) }).await.unwrap();
    assert_eq!(world.stock().await, (10, 0));
    world.assert_consistent().await;
}

#[tokio::test]
async fn after_a_partial_refund_a_return_pays_back_what_is_left() {
    let world = World::new().await;
    let order = world.paid(3).await;
    let refund = RefundCharge {
        charge: order.charge.unwrap(),
        amount: 500,
        reason: RefundReason::default(),
        expected_version: 0,
    };
    world.shop.refund_charge(refund, &world.terms()).await.unwrap();
    let order = give_back(&world, of(order.id, &[])).await.unwrap();
    assert_eq!(order.refunded, 3 * PRICE);
    world.assert_consistent().await;
}

#[tokio::test]
async fn goods_come_back_without_the_gateway_where_nothing_is_left_to_pay_back() {
    let world = World::new().await;
    let order = world.paid(2).await;
    let refund = RefundCharge {
        charge: order.charge.unwrap(),
        amount: 0,
        reason: RefundReason::default(),
        expected_version: 0,
    };
    world.shop.refund_charge(refund, &world.terms()).await.unwrap();
    let terms = world.keyed("return");
    let done = world.shop.return_order(of(order.id, &[]), &terms).await.unwrap();
    assert_eq!(done.order.status, OrderStatus::Canceled);
    assert_eq!((world.wire.asked("refund"), world.stock().await), (1, (10, 0)));
    assert_eq!(world.shop.return_order(of(order.id, &[]), &world.keyed("return")).await.unwrap(), done);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_declined_return_changes_neither_goods_nor_money() {
    let world = World::new().await;
    let order = world.paid(2).await;
    world.wire.gateway.next(Act::Decline(digota_core::payment::decline::DeclineCode::RefundNotAllowed));
    assert_eq!(declined(give_back(&world, of(order.id, &[])).await), "refund_not_allowed");
    assert_eq!((world.order_now(order.id).await.status, world.stock().await), (OrderStatus::Paid, (8, 0)));
    world.assert_consistent().await;
    assert_eq!(give_back(&world, of(order.id, &[])).await.unwrap().status, OrderStatus::Canceled);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_lost_return_is_settled_as_the_gateway_knows_it() {
    for (act, status) in [(Act::LoseAfter, OrderStatus::Canceled), (Act::LoseBefore, OrderStatus::Paid)] {
        let world = World::new().await;
        let order = world.paid(2).await;
        world.wire.gateway.next(act);
        assert!(is_pending(give_back(&world, of(order.id, &[])).await));
        assert_eq!(reason(give_back(&world, of(order.id, &[])).await), "PAYMENT_IN_PROGRESS");
        world.settle().await;
        assert_eq!(world.order_now(order.id).await.status, status);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn two_returns_at_once_pay_back_once() {
    for unlocked in [false, true] {
        let world = World::of(Plan { unlocked, ..Plan::default() }).await;
        let order = world.paid(2).await;
        let (a, b) = tokio::join!(give_back(&world, of(order.id, &[])), give_back(&world, of(order.id, &[])));
        assert_eq!([&a, &b].into_iter().filter(|answer| answer.is_ok()).count(), 1, "{a:?} {b:?}");
        assert_eq!(world.wire.asked("refund"), 1);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn goods_of_a_sku_that_was_deleted_or_is_no_longer_counted_come_back() {
    let world = World::new().await;
    let (a, b) = (world.paid(2).await, world.paid(3).await);
    world.change_sku(SkuChange { finite: Some(false), ..SkuChange::default() }).await;
    give_back(&world, of(a.id, &[])).await.unwrap();
    world.shop.delete_sku(world.skus[0], &world.terms()).await.unwrap();
    give_back(&world, of(b.id, &[])).await.unwrap();
    assert_eq!(world.stock().await, (10, 0));
    world.assert_consistent().await;
}

#[tokio::test]
async fn goods_that_were_never_counted_are_not_put_into_stock() {
    let world = World::new().await;
    let finite = |finite| SkuChange { finite: Some(finite), ..SkuChange::default() };
    world.change_sku(finite(false)).await;
    let order = world.paid(4).await;
    world.change_sku(finite(true)).await;
    give_back(&world, of(order.id, &[])).await.unwrap();
    assert_eq!(world.stock().await, (10, 0));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_return_asks_for_no_more_than_was_bought() {
    let world = World::new().await;
    let order = world.paid(2).await;
    let [green, black] = world.skus;
    assert_eq!(reason(give_back(&world, of(order.id, &[(green, 3)])).await), "RETURN_EXCEEDS");
    assert_eq!(reason(give_back(&world, of(order.id, &[(black, 1)])).await), "RETURN_EXCEEDS");
    let too_much = Return { amount: 2 * PRICE + 1, ..of(order.id, &[]) };
    assert_eq!(reason(give_back(&world, too_much).await), "REFUND_EXCEEDS");
    world.assert_consistent().await;
}
