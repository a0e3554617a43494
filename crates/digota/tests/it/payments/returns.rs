//! Orders that come back, in part or whole; orders that are sent or given up.

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{
    self, CancelRequest, FulfillRequest, Order, ReturnRequest, order, return_request,
};
use digota_proto::skupb::Sku;
use tonic::{Code, Status};

use crate::harness::{Client, Server, assert_invalid, assert_refused, by_token, fact, line, moved, sku_line};

fn some(order: &Order, sku: &Sku, quantity: i64) -> ReturnRequest {
    let items = vec![return_request::Item { parent: sku.id.clone(), quantity }];
    ReturnRequest { id: order.id.clone(), items, ..Default::default() }
}

async fn fulfill(shop: &Client, order: &Order) -> Result<Order, Status> {
    let request = FulfillRequest {
        id: order.id.clone(),
        carrier: "DHL".into(),
        tracking_number: "JD014600003".into(),
        expected_version: 0,
    };
    Ok(shop.orders().fulfill(request).await?.into_inner())
}

async fn cancel(shop: &Client, order: &Order) -> Result<Order, Status> {
    let request =
        CancelRequest { id: order.id.clone(), reason: "changed their mind".into(), expected_version: 0 };
    Ok(shop.orders().cancel(request).await?.into_inner())
}

#[tokio::test]
async fn a_part_of_an_order_can_come_back_and_later_the_rest() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let order = shop.order_of(vec![sku_line(&sku, 3), line(Type::Tax, 100)]).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    let back = shop.return_by(some(&paid, &sku, 1)).await.unwrap();
    assert_eq!((back.status(), back.refunded_amount, back.items[0].returned), (order::Status::Paid, 4726, 1));
    assert_eq!(shop.stock(&sku).await, 8);
    let details = assert_refused(
        shop.return_by(some(&paid, &sku, 3)).await,
        Code::FailedPrecondition,
        "RETURN_EXCEEDS",
    );
    assert_eq!(fact(&details, "sku"), sku.id);
    let all = shop.give_back(&paid).await.unwrap();
    assert_eq!(
        (all.status(), all.refunded_amount, all.items[0].returned),
        (order::Status::Canceled, order.amount, 3)
    );
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![14278, -4726, -9552], 10));
}

#[tokio::test]
async fn a_quantity_of_0_returns_one_piece() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let paid = shop.paid(&sku, 3).await;
    assert_eq!(shop.return_by(some(&paid, &sku, 0)).await.unwrap().items[0].returned, 1);
}

#[tokio::test]
async fn the_amount_of_a_return_can_be_named_up_to_what_is_left() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let paid = shop.paid(&sku, 2).await;
    let with = |amount| ReturnRequest { amount, ..some(&paid, &sku, 1) };
    assert_refused(shop.return_by(with(9453)).await, Code::FailedPrecondition, "REFUND_EXCEEDS");
    assert_invalid(shop.return_by(with(-1)).await, &["amount"]);
    assert_eq!(shop.return_by(with(4000)).await.unwrap().refunded_amount, 4000);
    assert_eq!(shop.give_back(&paid).await.unwrap().refunded_amount, 9452);
    assert_eq!(moved(&server.journal()), [9452, -4000, -5452]);
}

#[tokio::test]
async fn pieces_that_were_not_bought_can_not_come_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (sku, other) = (shop.sku(10).await, shop.sku(10).await);
    let paid = shop.paid(&sku, 2).await;
    assert_refused(shop.return_by(some(&paid, &other, 1)).await, Code::FailedPrecondition, "RETURN_EXCEEDS");
    assert_invalid(shop.return_by(some(&paid, &sku, -1)).await, &["items[0].quantity"]);
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![9452], 8));
}

#[tokio::test]
async fn pieces_of_a_fulfilled_order_go_back_into_stock_only_with_restock() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let paid = shop.paid(&sku, 3).await;
    let sent = fulfill(&shop, &paid).await.unwrap();
    assert_eq!(sent.status(), order::Status::Fulfilled);
    let carried = sent.shipping.unwrap();
    assert_eq!((carried.carrier.as_str(), carried.tracking_number.as_str()), ("DHL", "JD014600003"));
    let part = shop.return_by(some(&paid, &sku, 1)).await.unwrap();
    assert_eq!((part.status(), shop.stock(&sku).await), (order::Status::Fulfilled, 7));
    let rest = ReturnRequest { restock: true, id: paid.id.clone(), ..Default::default() };
    let back = shop.return_by(rest).await.unwrap();
    assert_eq!((back.status(), back.refunded_amount), (order::Status::Returned, 3 * 4726));
    assert_eq!(shop.stock(&sku).await, 9);
}

#[tokio::test]
async fn fulfilling_without_a_carrier_keeps_the_one_of_the_order() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let shipping = orderpb::Shipping { carrier: "UPS".into(), name: "Ada".into(), ..Default::default() };
    let new = orderpb::NewRequest {
        shipping: Some(shipping.clone()),
        ..Client::some_order(vec![sku_line(&sku, 1)])
    };
    let order = shop.orders().create(new).await.unwrap().into_inner();
    shop.pay(&order).await.unwrap();
    let request = FulfillRequest { id: order.id, tracking_number: "1Z".into(), ..Default::default() };
    let sent = shop.orders().fulfill(request).await.unwrap().into_inner();
    assert_eq!(sent.shipping, Some(orderpb::Shipping { tracking_number: "1Z".into(), ..shipping }));
}

#[tokio::test]
async fn only_a_paid_order_can_be_fulfilled() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let order = shop.order(&sku, 1).await;
    assert_refused(fulfill(&shop, &order).await, Code::FailedPrecondition, "ORDER_STATUS");
    let paid = shop.pay(&order).await.unwrap();
    fulfill(&shop, &paid).await.unwrap();
    assert_refused(fulfill(&shop, &paid).await, Code::FailedPrecondition, "ORDER_STATUS");
}

#[tokio::test]
async fn an_order_can_be_canceled_before_it_is_paid_and_not_paid_after() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let order = shop.order(&sku, 1).await;
    assert_eq!(cancel(&shop, &order).await.unwrap().status(), order::Status::Canceled);
    assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "ORDER_STATUS");
    assert_refused(cancel(&shop, &order).await, Code::FailedPrecondition, "ORDER_STATUS");
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![], 10));
}

#[tokio::test]
async fn a_paid_order_is_returned_and_not_canceled() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let paid = shop.paid(&shop.sku(10).await, 1).await;
    let details = assert_refused(cancel(&shop, &paid).await, Code::FailedPrecondition, "ORDER_STATUS");
    assert_eq!(fact(&details, "status"), "Paid");
}

#[tokio::test]
async fn a_return_whose_refund_takes_its_time_is_waited_for() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_pending")).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!(
        (back.status(), back.refunded_amount, back.pending_charge),
        (order::Status::Canceled, 4726, None)
    );
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726, -4726], 10));
}

#[tokio::test]
async fn a_caller_who_allows_pending_is_told_of_a_return_under_way() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(10).await;
    let order = shop.order(&sku, 1).await;
    let paid = shop.pay_by(by_token(&order, "refund_pending")).await.unwrap();
    let request = ReturnRequest { id: order.id.clone(), allow_pending: true, ..Default::default() };
    let pending = shop.return_by(request).await.unwrap();
    assert_eq!((pending.status(), pending.refunded_amount), (order::Status::Paid, 0));
    assert_eq!(pending.pending_charge.map(|charge| charge.id), Some(paid.charge_id));
    let back = crate::harness::eventually("the order is back", async || {
        Some(shop.read_order(&order.id).await).filter(|order| order.status() == order::Status::Canceled)
    });
    assert_eq!(back.await.refunded_amount, 4726);
    assert_eq!(shop.stock(&sku).await, 10);
}

#[tokio::test]
async fn an_infinite_stock_neither_falls_nor_rises() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku_at(100).await;
    let before = shop.read_sku(&sku.id).await.inventory;
    let paid = shop.paid(&sku, 1_000_000).await;
    shop.give_back(&paid).await.unwrap();
    assert_eq!(shop.read_sku(&sku.id).await.inventory, before);
}

#[tokio::test]
async fn an_order_without_goods_can_be_paid_and_returned() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order_of(vec![line(Type::Shipping, 500)]).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.status(), back.refunded_amount), (order::Status::Canceled, 500));
    assert_eq!(moved(&server.journal()), [500, -500]);
}
