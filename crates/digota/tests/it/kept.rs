//! Behaviours of digota 0.1 that its clients rely on.

use std::collections::BTreeMap;

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, FulfillRequest, order};
use digota_proto::paymentpb::{self, Currency, charge};
use digota_proto::{productpb, skupb};
use tonic::Code;

use crate::harness::{Client, Server, Setup, assert_refused, line, moved, sku_line};

#[tokio::test]
async fn ok_from_pay_means_that_the_money_is_taken() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 2).await;
    assert_eq!(order.status(), order::Status::Created);
    let paid = shop.pay(&order).await.unwrap();
    assert_eq!(paid.status(), order::Status::Paid);
    assert_eq!(moved(&server.journal()), [2 * 4726]);
    assert_eq!(shop.read_order(&order.id).await, paid);
    assert_eq!(shop.stock(&sku).await, 3);
}

#[tokio::test]
async fn ok_from_new_charge_means_that_the_money_is_taken() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = shop.charge(Client::some_charge(1999)).await.unwrap();
    assert!(made.paid && !made.refunded);
    assert_eq!((made.charge_amount, made.refund_amount, made.status()), (1999, 0, charge::Status::Succeeded));
    assert_eq!((made.statement.as_str(), made.email.as_str()), ("Tickets", "ada@example.com"));
    assert_eq!(made.provider_id(), paymentpb::PaymentProviderId::Sandbox);
    assert!(!made.provider_charge_id.is_empty());
    assert_eq!(moved(&server.journal()), [1999]);
    assert_eq!(shop.read_charge(&made.id).await, made);
}

#[tokio::test]
async fn ok_from_refund_charge_means_that_the_money_is_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = shop.charge(Client::some_charge(1999)).await.unwrap();
    let back = shop.refund(&made.id, 999).await.unwrap();
    assert_eq!((back.refund_amount, back.pending_refund_amount), (999, 0));
    assert_eq!(moved(&server.journal()), [1999, -999]);
}

#[tokio::test]
async fn ok_from_return_means_that_the_money_is_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let paid = shop.paid(&shop.sku(5).await, 1).await;
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.refunded_amount, back.pending_charge), (4726, None));
    assert_eq!(moved(&server.journal()), [4726, -4726]);
}

#[tokio::test]
async fn a_quantity_that_is_absent_is_one_on_every_kind_of_line() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let items =
        vec![sku_line(&sku, 0), line(Type::Discount, -1000), line(Type::Tax, 900), line(Type::Shipping, 100)];
    let order = shop.order_of(items).await.unwrap();
    assert!(order.items.iter().all(|item| item.quantity == 1), "{:?}", order.items);
    assert_eq!(order.amount, 4726);
}

#[tokio::test]
async fn the_amount_of_a_line_is_its_unit_price() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut tax = line(Type::Tax, 150);
    tax.quantity = 3;
    let order = shop.order_of(vec![tax]).await.unwrap();
    assert_eq!((order.items[0].amount, order.items[0].quantity, order.amount), (150, 3, 450));
}

#[tokio::test]
async fn a_sku_line_takes_price_currency_and_description_from_the_sku() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let mut asked = sku_line(&sku, 2);
    (asked.amount, asked.currency, asked.description) = (1, Currency::Jpy.into(), "mine".into());
    let order = shop.order_of(vec![asked]).await.unwrap();
    let item = &order.items[0];
    assert_eq!(
        (item.amount, item.currency(), item.description.as_str()),
        (4726, Currency::Usd, "North stand")
    );
    assert_eq!(order.amount, 2 * 4726);
}

#[tokio::test]
async fn lines_for_the_same_sku_are_merged() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (one, two) = (shop.sku(9).await, shop.sku(9).await);
    let items = vec![sku_line(&one, 1), sku_line(&two, 1), sku_line(&one, 2)];
    let order = shop.order_of(items).await.unwrap();
    let lines: Vec<_> = order.items.iter().map(|item| (item.parent.clone(), item.quantity)).collect();
    assert_eq!(lines, [(one.id, 3), (two.id, 1)]);
    assert_eq!(order.amount, 4 * 4726);
}

#[tokio::test]
async fn an_empty_description_becomes_the_name_of_the_lines_type() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut own = line(Type::Tax, 1);
    own.description = "VAT".into();
    let items = vec![line(Type::Tax, 1000), line(Type::Discount, -1), line(Type::Shipping, 500), own];
    let order = shop.order_of(items).await.unwrap();
    let texts: Vec<_> = order.items.iter().map(|item| item.description.as_str()).collect();
    assert_eq!(texts, ["Tax", "Discount", "Shipping", "VAT"]);
}

#[tokio::test]
async fn all_lines_share_the_currency_of_the_order() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let mut foreign = line(Type::Tax, 100);
    foreign.currency = Currency::Eur.into();
    let refused = shop.order_of(vec![sku_line(&sku, 1), foreign]).await;
    crate::harness::assert_invalid(refused, &["items[1].currency"]);
    let mut euros = Client::some_order(vec![sku_line(&sku, 1)]);
    euros.currency = Currency::Eur.into();
    crate::harness::assert_invalid(shop.orders().create(euros).await, &["items[0].parent"]);
    let order = shop.order_of(vec![sku_line(&sku, 1), line(Type::Tax, 100)]).await.unwrap();
    assert!(order.items.iter().all(|item| item.currency() == Currency::Usd));
}

/// The order of the manual: two of a SKU, a discount and a tax that cancel each other, a shipping address.
#[tokio::test]
async fn the_sum_of_the_lines_is_the_amount_of_the_order() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let mut new =
        Client::some_order(vec![sku_line(&sku, 2), line(Type::Discount, -1000), line(Type::Tax, 1000)]);
    new.email = "ada@example.com".into();
    new.shipping = Some(orderpb::Shipping {
        name: "Ada Lovelace".into(),
        phone: "+44 20 0000 0000".into(),
        address: Some(orderpb::shipping::Address {
            line1: "12 St James's Square".into(),
            city: "London".into(),
            country: "GB".into(),
            line2: "first floor".into(),
            postal_code: "SW1Y 4JH".into(),
            state: "Greater London".into(),
        }),
        carrier: "UPS".into(),
        tracking_number: "1Z".into(),
    });
    let order = shop.orders().create(new.clone()).await.unwrap().into_inner();
    assert_eq!(order.amount, 9452);
    assert_eq!((&order.email, &order.shipping), (&new.email, &new.shipping));
}

#[tokio::test]
async fn a_returned_paid_order_is_canceled_and_its_stock_put_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    assert_eq!(shop.stock(&sku).await, 3);
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!(back.status(), order::Status::Canceled);
    assert_eq!(shop.stock(&sku).await, 5);
}

#[tokio::test]
async fn a_returned_fulfilled_order_is_returned_and_its_stock_not_put_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.orders().fulfill(FulfillRequest { id: paid.id.clone(), ..Default::default() }).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!(back.status(), order::Status::Returned);
    assert_eq!(back.refunded_amount, 9452);
    assert_eq!(shop.stock(&sku).await, 3);
}

#[tokio::test]
async fn a_second_return_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.give_back(&paid).await.unwrap();
    assert_refused(shop.give_back(&paid).await, Code::FailedPrecondition, "ORDER_STATUS");
    assert_eq!(moved(&server.journal()), [9452, -9452]);
    assert_eq!(shop.stock(&sku).await, 5);
}

#[tokio::test]
async fn a_paid_order_cannot_be_paid_again() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let paid = shop.paid(&shop.sku(5).await, 1).await;
    assert_refused(shop.pay(&paid).await, Code::FailedPrecondition, "ORDER_STATUS");
    assert_eq!(moved(&server.journal()), [4726]);
}

#[tokio::test]
async fn sku_attributes_that_the_product_does_not_name_are_dropped() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let attributes = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let new = skupb::NewRequest {
        attributes: attributes(&[("stand", "north"), ("colour", "red")]),
        ..Client::some_sku(&shop.product().await, 1)
    };
    let sku = shop.skus().create(new).await.unwrap().into_inner();
    assert_eq!(sku.attributes, attributes(&[("stand", "north")]));
    let change = skupb::UpdateRequest {
        id: sku.id,
        active: true,
        attributes: attributes(&[("stand", "south"), ("size", "L")]),
        ..Default::default()
    };
    let sku = shop.skus().update(change).await.unwrap().into_inner();
    assert_eq!(sku.attributes, attributes(&[("stand", "south")]));
}

#[tokio::test]
async fn only_get_fills_the_skus_of_a_product() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    let sku = shop.skus().create(Client::some_sku(&product, 1)).await.unwrap().into_inner();
    assert_eq!(shop.read_product(&product.id).await.skus, [sku]);
    let listed = shop.products().list(productpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!((listed.total, listed.products.len()), (1, 1));
    assert!(listed.products[0].skus.is_empty());
    let change =
        productpb::UpdateRequest { id: product.id, name: "Season ticket".into(), ..Default::default() };
    assert!(shop.products().update(change).await.unwrap().into_inner().skus.is_empty());
}

#[tokio::test]
async fn an_update_of_a_product_changes_what_is_not_empty_and_both_flags_always() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let new = productpb::NewRequest {
        description: "One match, one seat".into(),
        images: vec!["https://example.com/a.png".into()],
        metadata: BTreeMap::from([("team".to_owned(), "north".to_owned())]),
        shippable: true,
        url: "https://example.com/ticket".into(),
        ..Client::some_product()
    };
    let old = shop.products().create(new).await.unwrap().into_inner();
    assert!(old.active && old.shippable);
    let change =
        productpb::UpdateRequest { id: old.id.clone(), name: "Season ticket".into(), ..Default::default() };
    let now = shop.products().update(change).await.unwrap().into_inner();
    let expected = productpb::Product {
        name: "Season ticket".into(),
        active: false,
        shippable: false,
        version: 2,
        updated: now.updated,
        ..old
    };
    assert_eq!(now, expected);
}

#[tokio::test]
async fn an_update_of_a_sku_changes_what_is_not_empty_and_active_always() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let old = shop.sku(7).await;
    let change = skupb::UpdateRequest { id: old.id.clone(), price: 5000, ..Default::default() };
    let now = shop.skus().update(change).await.unwrap().into_inner();
    let expected = skupb::Sku { price: 5000, active: false, version: 2, updated: now.updated, ..old };
    assert_eq!(now, expected);
}

#[tokio::test]
async fn an_update_of_a_product_without_a_mask_needs_a_name_of_four_bytes() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    for name in ["", "abc"] {
        let change =
            productpb::UpdateRequest { id: product.id.clone(), name: name.into(), ..Default::default() };
        crate::harness::assert_invalid(shop.products().update(change).await, &["name"]);
    }
    assert_eq!(shop.read_product(&product.id).await, product);
}

#[tokio::test]
async fn refunded_is_true_after_any_refund() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let made = shop.charge(Client::some_charge(1999)).await.unwrap();
    let back = shop.refund(&made.id, 1).await.unwrap();
    assert!(back.refunded && back.paid);
    assert_eq!(back.refunds.len(), 1);
    assert_eq!((back.refunds[0].refund_amount, back.refund_amount), (1, 1));
}

#[tokio::test]
async fn the_charge_of_an_order_carries_the_statement_order_and_its_id() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let paid = shop.paid(&shop.sku(5).await, 1).await;
    let charge = shop.read_charge(&paid.charge_id).await;
    assert_eq!(charge.statement, format!("Order {}", paid.id));
    assert_eq!(charge.order_id, paid.id);
    assert_eq!(server.journal()[0].statement, charge.statement);
}

#[tokio::test]
async fn an_order_of_amount_0_can_be_created_and_not_paid() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order_of(vec![sku_line(&sku, 1), line(Type::Discount, -4726)]).await.unwrap();
    assert_eq!(order.amount, 0);
    assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "NOTHING_TO_PAY");
    assert_eq!(moved(&server.journal()), [0i64; 0]);
    assert_eq!(shop.stock(&sku).await, 5);
}

#[tokio::test]
async fn a_sku_of_price_0_can_be_ordered_beside_what_costs_something() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (free, sku) = (shop.sku_at(0).await, shop.sku(5).await);
    let order = shop.order_of(vec![sku_line(&free, 3), sku_line(&sku, 1)]).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    assert_eq!((free.price, paid.amount, moved(&server.journal())), (0, 4726, vec![4726]));
    let order = shop.order(&free, 1).await;
    assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "NOTHING_TO_PAY");
}

#[tokio::test]
async fn page_counts_from_0() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(shop.product().await.id);
    }
    let page = |page| {
        let shop = &shop;
        async move {
            let request = productpb::ListRequest { page, limit: 2, ..Default::default() };
            let list = shop.products().list(request).await.unwrap().into_inner();
            assert_eq!(list.total, 5);
            list.products.into_iter().map(|product| product.id).collect::<Vec<_>>()
        }
    };
    assert_eq!([page(0).await, page(1).await, page(2).await, page(3).await].concat(), ids);
    assert_eq!(page(2).await.len(), 1);
}

#[tokio::test]
async fn limit_0_gives_the_maximum() {
    let server = Server::with(Setup { settings: "limits.in_flight_max = 2000", ..Setup::default() }).await;
    let shop = server.shop().await;
    let making = (0..1001).map(|_| shop.product());
    futures_util::future::join_all(making).await;
    for limit in [0, 1000, 5000] {
        let request = productpb::ListRequest { limit, ..Default::default() };
        let list = shop.products().list(request).await.unwrap().into_inner();
        assert_eq!((list.products.len(), list.total), (1000, 1001), "{limit}");
        assert!(!list.next_cursor.is_empty());
    }
}

/// The paths are the clients' generated code: see the contract test of the proto crate for every name and number.
#[tokio::test]
async fn the_paths_of_the_services_stay() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (path, code) in [
        ("/productpb.ProductService/New", Code::InvalidArgument),
        ("/skupb.SkuService/New", Code::InvalidArgument),
        ("/orderpb.OrderService/New", Code::InvalidArgument),
        ("/paymentpb.PaymentService/NewCharge", Code::InvalidArgument),
        ("/orderpb.OrderService/Nothing", Code::Unimplemented),
    ] {
        let mut grpc = tonic::client::Grpc::new(shop.channel.clone());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<productpb::Empty, productpb::Empty>::default();
        let reply = grpc.unary(tonic::Request::new(productpb::Empty {}), path.parse().unwrap(), codec).await;
        assert_eq!(reply.unwrap_err().code(), code, "{path}");
    }
}
