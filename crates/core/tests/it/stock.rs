//! SKUs and stock that change between making an order, paying it and its outcome.

use digota_core::Error;
use digota_core::currency::Currency;
use digota_core::port::store::Kind;
use digota_core::product::{ProductDetails, ProductField};
use digota_core::sku::SkuChange;

use super::world::{PRICE, Plan, STOCK, World, declined, reason};

#[tokio::test]
async fn a_short_sku_is_named_and_nothing_is_held() {
    let world = World::new().await;
    let [green, black] = world.skus;
    let order = world.order_of(&[(green, STOCK + 1), (black, 1)]).await.unwrap();
    match world.pay(order.id, "tok_ok").await {
        Err(digota_core::Error::Refused(refused)) => {
            assert_eq!(refused.reason.text(), "OUT_OF_STOCK");
            let fact = (green.to_string(), format!("wanted {}, available {STOCK}", STOCK + 1));
            assert_eq!(refused.facts, [fact]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.stock_of(black).await.reserved, 0);
    world.assert_consistent().await;
}

#[tokio::test]
async fn the_last_piece_is_sold_once() {
    let world = World::new().await;
    let (a, b) = (world.order(STOCK).await, world.order(STOCK).await);
    let (a, b) = tokio::join!(world.pay(a.id, "tok_ok"), world.pay(b.id, "tok_ok"));
    assert!(a.is_ok());
    assert_eq!(reason(b), "OUT_OF_STOCK");
    assert_eq!(world.wire.asked("charge"), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_sku_that_was_deleted_or_put_off_sale_cannot_be_paid() {
    let world = World::new().await;
    let order = world.order(1).await;
    let active = |active| SkuChange { active: Some(active), ..SkuChange::default() };
    world.change_sku(active(false)).await;
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "SKU_INACTIVE");
    world.change_sku(active(true)).await;
    let details = ProductDetails { active: false, ..ProductDetails::default() };
    let update =
        world.shop.update_product(world.product, details, &[ProductField::Active], 0, &world.terms()).await;
    assert!(!update.unwrap().details.active);
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "SKU_INACTIVE");
    world.shop.delete_sku(world.skus[0], &world.terms()).await.unwrap();
    assert_eq!(reason(world.pay(order.id, "tok_ok").await), "SKU_GONE");
    assert_eq!(world.wire.asked("charge"), 0);
    world.assert_consistent().await;
}

/// The store of this world believes what it has read until it is refused for it.
#[tokio::test]
async fn an_order_is_made_of_skus_as_they_are_whatever_is_remembered_of_them() {
    let world = World::of(Plan { shared: true, ..Plan::default() }).await;
    assert_eq!(world.order(2).await.money.amount, 2 * PRICE);
    world.change_sku(SkuChange { price: Some(1), ..SkuChange::default() }).await;
    let cheap = world.order(2).await;
    assert_eq!((cheap.money.amount, cheap.lines[0].unit_price), (2, 1));
    assert_eq!(world.pay(cheap.id, "tok_ok").await.unwrap().order.money.amount, 2);

    let active = |active| SkuChange { active: Some(active), ..SkuChange::default() };
    let [green, black] = world.skus;
    let order = async || world.order_of(&[(green, 1), (black, 1)]).await;
    order().await.unwrap();
    world.change_sku(active(false)).await;
    assert_eq!(reason(order().await), "SKU_INACTIVE");
    world.change_sku(active(true)).await;
    order().await.expect("nothing is refused for what it was");
    let euro = Currency::from_code("EUR");
    world.change_sku(SkuChange { currency: euro, ..SkuChange::default() }).await;
    assert!(matches!(order().await, Err(Error::Invalid(_))));
    world.change_sku(SkuChange { currency: Currency::from_code("USD"), ..SkuChange::default() }).await;
    let last = order().await.expect("nothing is refused for what it was");
    world.shop.delete_sku(green, &world.terms()).await.unwrap();
    assert_eq!(order().await, Err(Error::not_found(Kind::Sku, green.0)));
    assert_eq!(reason(world.pay(last.id, "tok_ok").await), "SKU_GONE");
    world.assert_consistent().await;
}

#[tokio::test]
async fn an_order_costs_what_it_cost_when_it_was_made() {
    let world = World::new().await;
    let order = world.order(2).await;
    world.change_sku(SkuChange { price: Some(1), ..SkuChange::default() }).await;
    let paid = world.pay(order.id, "tok_ok").await.unwrap().order;
    assert_eq!(world.charge_now(paid.charge.unwrap()).await.money, order.money);
    world.assert_consistent().await;
}

#[tokio::test]
async fn stock_balances_when_counting_starts_or_stops_during_a_payment() {
    for counted in [false, true] {
        for name in ["tok_ok", "tok_card_declined"] {
            let world = World::new().await;
            let finite = |finite| SkuChange { finite: Some(finite), ..SkuChange::default() };
            world.change_sku(finite(counted)).await;
            let order = world.order(3).await;
            world.wire.hold(true);
            let meanwhile = async {
                world.wire.reached().await;
                world.change_sku(finite(!counted)).await;
                world.wire.hold(false);
            };
            let (answer, ()) = tokio::join!(world.pay(order.id, name), meanwhile);
            let sold = if answer.is_ok() && counted { 3 } else { 0 };
            assert_eq!(world.stock().await, (STOCK - sold, 0), "counted {counted}, {name}");
            world.assert_consistent().await;
        }
    }
}

#[tokio::test]
async fn a_sku_deleted_during_a_payment_still_balances() {
    for name in ["tok_ok", "tok_card_declined", "tok_lose_after", "tok_lose_before"] {
        let world = World::new().await;
        let order = world.order(3).await;
        world.wire.hold(true);
        let meanwhile = async {
            world.wire.reached().await;
            world.shop.delete_sku(world.skus[0], &world.terms()).await.unwrap();
            world.wire.hold(false);
        };
        let _ = tokio::join!(world.pay(order.id, name), meanwhile);
        world.settle().await;
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn stock_set_by_hand_keeps_what_is_held() {
    let world = World::new().await;
    let order = world.order(3).await;
    world.wire.hold(true);
    let meanwhile = async {
        world.wire.reached().await;
        world.change_sku(SkuChange { quantity: Some(5), ..SkuChange::default() }).await;
        assert_eq!(world.stock().await, (8, 3));
        let less = world.shop.adjust_inventory(world.skus[0], -6, "lost", 0, &world.terms()).await;
        assert_eq!(reason(less), "OUT_OF_STOCK", "what is held can't be taken away");
        world.wire.hold(false);
    };
    let (paid, ()) = tokio::join!(world.pay(order.id, "tok_ok"), meanwhile);
    assert!(paid.is_ok());
    assert_eq!(world.stock().await, (5, 0));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_decline_lets_go_exactly_what_was_held() {
    let world = World::new().await;
    let [green, black] = world.skus;
    let order = world.order_of(&[(green, 2), (black, 3), (green, 1)]).await.unwrap();
    assert_eq!(declined(world.pay(order.id, "tok_card_declined").await), "card_declined");
    assert_eq!((world.stock_of(green).await.available(), world.stock_of(black).await.available()), (10, 10));
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_sku_deleted_at_the_same_moment_is_gone_or_sold() {
    for seed in 0..40 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let order = world.order(1).await;
        let terms = world.terms();
        let (paid, deleted) =
            tokio::join!(world.pay(order.id, "tok_ok"), world.shop.delete_sku(world.skus[0], &terms));
        deleted.unwrap();
        if paid.is_err() {
            assert_eq!(reason(paid), "SKU_GONE");
        }
        world.assert_consistent().await;
    }
}
