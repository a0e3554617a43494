//! Lists: their order, their pages, their filters, their totals.

use std::collections::BTreeSet;

use digota_proto::orderpb::{self, CancelRequest, order};
use digota_proto::paymentpb::{self, charge};
use digota_proto::productpb::{self, list_request::Sort};
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

async fn some(shop: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(shop.product().await.id);
    }
    ids
}

/// Every id that a walk by cursor meets.
async fn walk(shop: &Client, mut request: productpb::ListRequest) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let list = products(shop, request.clone()).await;
        seen.extend(list.products.into_iter().map(|product| product.id));
        if list.next_cursor.is_empty() {
            return seen;
        }
        request.cursor = list.next_cursor;
    }
}

#[tokio::test]
async fn a_list_comes_in_the_order_that_is_asked_for() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = some(&shop, 4).await;
    for at in [1, 3, 0] {
        let id = made[at].clone();
        let change = productpb::UpdateRequest { id, name: "Changed".into(), ..Default::default() };
        shop.products().update(change).await.unwrap();
    }
    for (sort, expected) in [
        (Sort::Natural, [0, 1, 2, 3]),
        (Sort::CreatedAsc, [0, 1, 2, 3]),
        (Sort::CreatedDesc, [3, 2, 1, 0]),
        (Sort::UpdatedAsc, [2, 1, 3, 0]),
        (Sort::UpdatedDesc, [0, 3, 1, 2]),
    ] {
        let expected = expected.map(|at| made[at].clone());
        let request = productpb::ListRequest { sort: sort.into(), ..Default::default() };
        let list = products(&shop, request.clone()).await;
        let ids: Vec<_> = list.products.into_iter().map(|product| product.id).collect();
        assert_eq!(ids, expected, "{sort:?}");
        assert_eq!(walk(&shop, productpb::ListRequest { limit: 3, ..request }).await, expected, "{sort:?}");
    }
}

#[tokio::test]
async fn a_walk_by_cursor_meets_everything_once_even_while_things_are_made_and_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = some(&shop, 25).await;
    assert_eq!(walk(&shop, productpb::ListRequest { limit: 7, ..Default::default() }).await, made);
    let mut seen = Vec::new();
    let mut request =
        productpb::ListRequest { limit: 7, sort: Sort::CreatedDesc.into(), ..Default::default() };
    loop {
        let list = products(&shop, request.clone()).await;
        seen.extend(list.products.iter().map(|product| product.id.clone()));
        shop.product().await;
        let last = list.products.last().unwrap().id.clone();
        shop.products().delete(productpb::DeleteRequest { id: last, cascade: false }).await.unwrap();
        if list.next_cursor.is_empty() {
            break;
        }
        request.cursor = list.next_cursor;
    }
    assert_eq!(seen.into_iter().rev().collect::<Vec<_>>(), made);
}

#[tokio::test]
async fn a_cursor_goes_on_only_in_its_own_list_sort_and_filter() {
    let server = Server::start().await;
    let shop = server.shop().await;
    some(&shop, 3).await;
    let request = productpb::ListRequest { limit: 1, ..Default::default() };
    let cursor = products(&shop, request.clone()).await.next_cursor;
    let with = productpb::ListRequest { cursor: cursor.clone(), ..request };
    let wrong = [
        productpb::ListRequest { sort: Sort::CreatedDesc.into(), ..with.clone() },
        productpb::ListRequest { active: Some(true), ..with.clone() },
        productpb::ListRequest { page: 1, ..with.clone() },
        productpb::ListRequest { cursor: "garbage".into(), ..with.clone() },
        productpb::ListRequest { cursor: format!("{cursor}0"), ..with.clone() },
    ];
    for request in wrong {
        assert_invalid(shop.products().list(request).await, &["cursor"]);
    }
    let foreign = skupb::ListRequest { cursor, ..Default::default() };
    assert_invalid(shop.skus().list(foreign).await, &["cursor"]);
    assert_eq!(products(&shop, with).await.products.len(), 1);
}

#[tokio::test]
async fn an_unknown_sort_or_status_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for sort in [-1, 5, 9999] {
        let request = productpb::ListRequest { sort, ..Default::default() };
        assert_invalid(shop.products().list(request).await, &["sort"]);
        let request = orderpb::ListRequest { sort, status: Some(sort), ..Default::default() };
        assert_invalid(shop.orders().list(request).await, &["sort", "status"]);
        let request = paymentpb::ListRequest { status: sort + 10, ..Default::default() };
        assert_invalid(shop.payments().list(request).await, &["status"]);
    }
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
    assert_eq!(ask(created).await, [2]);
    let (first, last) = (made[0].created, made[3].created);
    let between =
        |from, before| orderpb::ListRequest { created_from: from, created_before: before, ..all.clone() };
    assert_eq!(ask(between(first, last + 1)).await, [0, 1, 2, 3]);
    assert_eq!(ask(between(last + 1, 0)).await, [0usize; 0]);
    assert_eq!(ask(between(0, first)).await, [0usize; 0]);
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

#[tokio::test]
async fn totals_follow_what_is_made_moved_and_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = some(&shop, 5).await;
    let total = |active| {
        let request = productpb::ListRequest { active, limit: 1, ..Default::default() };
        let shop = &shop;
        async move { products(shop, request).await.total }
    };
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [5, 5, 0]);
    let off = productpb::UpdateRequest { id: made[0].clone(), name: "Closed".into(), ..Default::default() };
    shop.products().update(off).await.unwrap();
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [5, 4, 1]);
    for id in &made[..2] {
        let delete = productpb::DeleteRequest { id: id.clone(), cascade: false };
        shop.products().delete(delete).await.unwrap();
    }
    assert_eq!([total(None).await, total(Some(true)).await, total(Some(false)).await], [3, 3, 0]);
}

#[tokio::test]
async fn pages_and_cursors_agree() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made: BTreeSet<String> = some(&shop, 10).await.into_iter().collect();
    let mut paged = BTreeSet::new();
    for page in 0..4 {
        let list = products(&shop, productpb::ListRequest { page, limit: 3, ..Default::default() }).await;
        paged.extend(list.products.into_iter().map(|product| product.id));
        assert_eq!(list.next_cursor.is_empty(), page == 3, "{page}");
    }
    assert_eq!(paged, made);
    let beyond = products(&shop, productpb::ListRequest { page: 100, limit: 3, ..Default::default() }).await;
    assert_eq!((beyond.products.len(), beyond.total), (0, 10));
}
