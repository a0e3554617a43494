//! What a list keeps.

use digota_proto::orderpb::{self, CancelRequest, order};
use digota_proto::paymentpb::{self, charge};
use digota_proto::productpb;
use digota_proto::skupb;

use crate::harness::{Client, Server, assert_invalid, by_token, sku_line};

async fn products(shop: &Client, request: productpb::ListRequest) -> productpb::ProductList {
    shop.products().list(request).await.unwrap().into_inner()
}

async fn skus(shop: &Client, request: skupb::ListRequest) -> skupb::SkuList {
    shop.skus().list(request).await.unwrap().into_inner()
}

async fn orders(shop: &Client, request: orderpb::ListRequest) -> orderpb::OrderList {
    shop.orders().list(request).await.unwrap().into_inner()
}

async fn charges(shop: &Client, request: paymentpb::ListRequest) -> paymentpb::ChargeList {
    shop.payments().list(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn products_and_skus_can_be_listed_by_whether_they_are_active() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (one, two) = (shop.product().await, shop.product().await);
    for (product, active) in [(&one, true), (&one, false), (&one, false), (&two, true)] {
        let new = skupb::NewRequest { active, ..Client::some_sku(product, 1) };
        shop.skus().create(new).await.unwrap();
    }
    let off = productpb::UpdateRequest { id: two.id.clone(), name: "Closed".into(), ..Default::default() };
    shop.products().update(off).await.unwrap();
    for (active, total) in [(None, 2), (Some(true), 1), (Some(false), 1)] {
        let list = products(&shop, productpb::ListRequest { active, ..Default::default() }).await;
        assert_eq!((list.total, list.products.len()), (total, total as usize), "{active:?}");
        assert!(list.products.iter().all(|product| active.is_none_or(|active| product.active == active)));
    }
    let none = String::new();
    for (parent, active, total) in [
        (&none, None, 4),
        (&none, Some(true), 2),
        (&none, Some(false), 2),
        (&one.id, None, 3),
        (&one.id, Some(false), 2),
        (&two.id, Some(false), 0),
    ] {
        let request = skupb::ListRequest { parent: parent.clone(), active, ..Default::default() };
        let list = skus(&shop, request).await;
        assert_eq!((list.total, list.skus.len()), (total, total as usize), "{parent} {active:?}");
        assert!(list.skus.iter().all(|sku| parent.is_empty() || sku.parent == *parent));
        assert!(!list.total_capped && list.next_cursor.is_empty());
    }
}

#[tokio::test]
async fn orders_can_be_listed_by_status_email_and_time() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let mut made = Vec::new();
    for email in ["ada@example.com", "bob@example.com", "ada@example.com", ""] {
        let new = Client::some_order(vec![sku_line(&sku, 1)]);
        let new = orderpb::NewRequest { email: email.into(), ..new };
        made.push(shop.orders().create(new).await.unwrap().into_inner());
    }
    shop.pay(&made[0]).await.unwrap();
    let cancel = CancelRequest { id: made[1].id.clone(), ..Default::default() };
    shop.orders().cancel(cancel).await.unwrap();
    let ask = |request: orderpb::ListRequest| {
        let (shop, made) = (&shop, &made);
        async move {
            let list = orders(shop, request).await;
            let at = |id: &String| made.iter().position(|order| order.id == *id).unwrap();
            let found: Vec<_> = list.orders.iter().map(|order| at(&order.id)).collect();
            assert_eq!(usize::try_from(list.total).unwrap(), found.len());
            found
        }
    };
    let all = orderpb::ListRequest::default();
    let status = |status: order::Status| orderpb::ListRequest { status: Some(status.into()), ..all.clone() };
    assert_eq!(ask(status(order::Status::Created)).await, [2, 3]);
    assert_eq!(ask(status(order::Status::Paid)).await, [0]);
    assert_eq!(ask(status(order::Status::Canceled)).await, [1]);
    assert_eq!(ask(status(order::Status::Returned)).await, [0usize; 0]);
    let ada = orderpb::ListRequest { email: "ada@example.com".into(), ..all.clone() };
    assert_eq!(ask(ada.clone()).await, [0, 2]);
    let created = orderpb::ListRequest { status: Some(order::Status::Created.into()), ..ada };
    assert_eq!(ask(created.clone()).await, [2]);
    let (first, last) = (made[0].created, made[3].created);
    let between =
        |from, before| orderpb::ListRequest { created_from: from, created_before: before, ..all.clone() };
    assert_eq!(ask(between(first, last + 1)).await, [0, 1, 2, 3]);
    assert_eq!(ask(between(last + 1, 0)).await, [0usize; 0]);
    assert_eq!(ask(between(0, first)).await, [0usize; 0]);
    let all_three = orderpb::ListRequest { created_from: first, created_before: last + 1, ..created };
    assert_eq!(ask(all_three.clone()).await, [2]);
    let before = orderpb::ListRequest { created_from: 0, created_before: first, ..all_three };
    assert_eq!(ask(before).await, [0usize; 0]);
    assert_invalid(shop.orders().list(between(-1, 0)).await, &["created_from"]);
}

#[tokio::test]
async fn charges_can_be_listed_by_order_and_status() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let order = shop.order(&sku, 1).await;
    shop.pay_by(by_token(&order, "card_declined")).await.unwrap_err();
    let paid = shop.pay(&order).await.unwrap();
    shop.charge(Client::some_charge(100)).await.unwrap();
    let by = |order_id: &str, status: charge::Status| {
        let request =
            paymentpb::ListRequest { order_id: order_id.into(), status: status.into(), ..Default::default() };
        charges(&shop, request)
    };
    assert_eq!(by("", charge::Status::Unspecified).await.total, 3);
    assert_eq!(by(&order.id, charge::Status::Unspecified).await.total, 2);
    assert_eq!(by("", charge::Status::Succeeded).await.total, 2);
    assert_eq!(by("", charge::Status::Failed).await.total, 1);
    let list = by(&order.id, charge::Status::Succeeded).await;
    assert_eq!((list.total, list.charges.len(), &list.charges[0].id), (1, 1, &paid.charge_id));
}
