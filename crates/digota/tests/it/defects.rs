//! Defects of digota 0.1 that are not inherited, by their number in the wire contract.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, OrderItem, PayRequest, order};
use digota_proto::paymentpb::{self, CardType, Currency, PaymentProviderId};
use digota_proto::{productpb, skupb};
use futures_util::future::join_all;
use prost_types::FieldMask;
use tonic::Code;

use crate::harness::{
    Client, Gateway, Sandbox, Server, Setup, assert_invalid, assert_refused, card, eventually, fact, finite,
    line, moved, payment, sku_line, violations,
};

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("channel".to_owned(), "web".to_owned()), ("seller".to_owned(), "ada".to_owned())])
}

/// Defect 1.
#[tokio::test]
async fn an_inactive_product_or_sku_can_be_created() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let new = productpb::NewRequest { active: false, ..Client::some_product() };
    let product = shop.products().create(new).await.unwrap().into_inner();
    let new = skupb::NewRequest { active: false, ..Client::some_sku(&product, 1) };
    let sku = shop.skus().create(new).await.unwrap().into_inner();
    assert!(!product.active && !sku.active);
}

/// Defect 2.
#[tokio::test]
async fn a_sku_that_is_inactive_or_whose_product_is_can_neither_be_ordered_nor_paid() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (sku, other) = (shop.sku(5).await, shop.sku(5).await);
    let (first, second) = (shop.order(&sku, 1).await, shop.order(&other, 1).await);
    let off = skupb::UpdateRequest { id: sku.id.clone(), ..Default::default() };
    shop.skus().update(off).await.unwrap();
    let off =
        productpb::UpdateRequest { id: other.parent.clone(), name: "Closed".into(), ..Default::default() };
    shop.products().update(off).await.unwrap();
    for (sku, order) in [(&sku, &first), (&other, &second)] {
        let refused = shop.order_of(vec![sku_line(sku, 1)]).await;
        let details = assert_refused(refused, Code::FailedPrecondition, "SKU_INACTIVE");
        assert_eq!(fact(&details, "sku"), sku.id);
        assert_refused(shop.pay(order).await, Code::FailedPrecondition, "SKU_INACTIVE");
        assert_eq!(shop.stock(sku).await, 5);
    }
    assert!(server.journal().is_empty());
}

/// Defect 3.
#[tokio::test]
async fn an_update_with_a_mask_does_not_deactivate_a_sku() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let update_mask = Some(FieldMask { paths: vec!["price".into()] });
    let change = skupb::UpdateRequest { id: sku.id.clone(), price: 1, update_mask, ..Default::default() };
    let masked = shop.skus().update(change.clone()).await.unwrap().into_inner();
    assert_eq!((masked.active, masked.price), (true, 1));
    let maskless = skupb::UpdateRequest { update_mask: None, ..change };
    assert!(!shop.skus().update(maskless).await.unwrap().into_inner().active);
}

/// Defect 4.
#[tokio::test]
async fn the_metadata_of_orders_and_charges_is_stored_and_returned() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let new = orderpb::NewRequest { metadata: metadata(), ..Client::some_order(vec![sku_line(&sku, 1)]) };
    let order = shop.orders().create(new).await.unwrap().into_inner();
    assert_eq!(order.metadata, metadata());
    assert_eq!(shop.pay(&order).await.unwrap().metadata, metadata());
    assert_eq!(shop.read_order(&order.id).await.metadata, metadata());
    let new = paymentpb::ChargeRequest { metadata: metadata(), ..Client::some_charge(100) };
    let charge = shop.charge(new).await.unwrap();
    assert_eq!(charge.metadata, metadata());
    assert_eq!(shop.read_charge(&charge.id).await.metadata, metadata());
}

/// Defect 5.
#[tokio::test]
async fn sort_is_honoured_and_pages_out_of_range_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let (first, second) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    let list = |page, limit, sort: orderpb::list_request::Sort| {
        let request = orderpb::ListRequest { page, limit, sort: sort.into(), ..Default::default() };
        let mut orders = shop.orders();
        async move { orders.list(request).await.map(tonic::Response::into_inner) }
    };
    use orderpb::list_request::Sort::{CreatedAsc, CreatedDesc, Natural};
    for (sort, expected) in [
        (Natural, [&first.id, &second.id]),
        (CreatedAsc, [&first.id, &second.id]),
        (CreatedDesc, [&second.id, &first.id]),
    ] {
        let orders = list(0, 10, sort).await.unwrap().orders;
        assert_eq!(orders.iter().map(|order| &order.id).collect::<Vec<_>>(), expected, "{sort:?}");
    }
    assert_invalid(list(-1, 10, Natural).await, &["page"]);
    assert_invalid(list(0, -1, Natural).await, &["limit"]);
    for (page, limit) in [(i64::MAX, 2), (i64::MAX, i64::MAX), (1 << 62, 4), (101, 1000)] {
        assert_invalid(list(page, limit, Natural).await, &["page"]);
    }
}

/// Defect 6.
#[tokio::test]
async fn every_brand_of_card_can_pay() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(50).await;
    let cards = [
        ("4242424242424242", CardType::Visa),
        ("4222222222222", CardType::Visa),
        ("5555555555554444", CardType::Mastercard),
        ("378282246310005", CardType::AmericanExpress),
        ("30569309025904", CardType::DinersClub),
        ("3530111333300000", CardType::Jcb),
        ("6011111111111117", CardType::Discover),
    ];
    for (number, brand) in cards {
        let order = shop.order(&sku, 1).await;
        let paid = shop.pay_by(PayRequest { card: Some(card(number)), ..payment(&order) }).await.unwrap();
        let charge = shop.read_charge(&paid.charge_id).await;
        assert_eq!((charge.card_brand(), charge.card_last4.as_str()), (brand, &number[number.len() - 4..]));
    }
    assert_eq!(moved(&server.journal()), [4726; 7]);
}

/// Defect 6.
#[tokio::test]
async fn a_card_that_cannot_be_one_is_refused_before_the_gateway() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let good = card("4242424242424242");
    let wrong = [
        (paymentpb::Card { number: "4242424242424241".into(), ..good.clone() }, "card.Number"),
        (paymentpb::Card { number: "424242424242424".into(), ..good.clone() }, "card.Number"),
        (paymentpb::Card { number: "4242 4242 4242 4242".into(), ..good.clone() }, "card.Number"),
        (
            paymentpb::Card {
                r#type: CardType::Mastercard.into(),
                number: "4222222222222".into(),
                ..good.clone()
            },
            "card.Number",
        ),
        (paymentpb::Card { cvc: "1234".into(), ..good.clone() }, "card.CVC"),
        (paymentpb::Card { cvc: "123".into(), ..card("378282246310005") }, "card.CVC"),
        (paymentpb::Card { expire_month: "13".into(), ..good.clone() }, "card.ExpireMonth"),
        (paymentpb::Card { expire_year: "40".into(), ..good.clone() }, "card.ExpireYear"),
        (paymentpb::Card { r#type: 7, ..good.clone() }, "card.type"),
        (paymentpb::Card { r#type: 0, ..good }, "card.type"),
    ];
    for (card, field) in wrong {
        let refused = shop.pay_by(PayRequest { card: Some(card), ..payment(&order) }).await;
        assert_invalid(refused, &[field]);
    }
    assert!(server.journal().is_empty());
    assert_eq!(shop.read_order(&order.id).await, order);
}

/// Defects 7 and 18.
#[tokio::test]
async fn every_configured_provider_can_be_named_and_the_others_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let by = |provider: i32| PayRequest { payment_provider_id: provider, ..payment(&order) };
    for provider in [PaymentProviderId::Stripe, PaymentProviderId::Paypal, PaymentProviderId::Braintree] {
        let refused = shop.pay_by(by(provider.into())).await;
        assert_refused(refused, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
        let new = paymentpb::ChargeRequest { payment_provider_id: provider.into(), ..Client::some_charge(1) };
        assert_refused(shop.charge(new).await, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
    }
    for unknown in [0, 5, -1, 9999] {
        assert_invalid(shop.pay_by(by(unknown)).await, &["paymentProviderId"]);
    }
    assert_eq!((shop.read_order(&order.id).await, shop.stock(&sku).await), (order.clone(), 5));
    assert_eq!(shop.pay_by(by(4)).await.unwrap().status(), order::Status::Paid);
}

/// Defect 8.
#[tokio::test]
async fn quantity_times_price_is_checked_and_capped() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    let new = skupb::NewRequest { price: 1 << 62, ..Client::some_sku(&product, 1) };
    assert_invalid(shop.skus().create(new).await, &["price"]);
    let dear = shop.sku_at(10_000_000_000).await;
    let most = shop.order_of(vec![sku_line(&dear, 100)]).await.unwrap();
    assert_eq!(most.amount, 1_000_000_000_000);
    let twice = |one, two| vec![sku_line(&dear, one), sku_line(&dear, two)];
    for items in
        [vec![sku_line(&dear, 101)], vec![sku_line(&dear, 1_000_000)], twice(999_999, 2), twice(50, 51)]
    {
        assert_invalid(shop.order_of(items).await, &["items"]);
    }
    for (one, two) in [(i64::MAX, i64::MAX), (i64::MAX, i64::MIN), (1 << 62, 4)] {
        assert!(!violations(shop.order_of(twice(one, two)).await).is_empty());
    }
    let mut tax = line(Type::Tax, i64::MAX);
    tax.quantity = 1_000_000;
    assert_invalid(shop.order_of(vec![tax]).await, &["items[0].amount"]);
}

/// Defect 9.
#[tokio::test]
async fn a_negative_total_and_an_order_without_lines_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let items = vec![sku_line(&sku, 1), line(Type::Discount, -4727)];
    assert_invalid(shop.order_of(items).await, &["items"]);
    assert_invalid(shop.order_of(vec![]).await, &["items"]);
    let listed = shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total, 0);
}

/// Defect 10.
#[tokio::test]
async fn discounts_are_not_above_0_and_taxes_and_shipping_not_below() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    for (kind, amount) in [(Type::Discount, 1), (Type::Tax, -1), (Type::Shipping, -1)] {
        let refused = shop.order_of(vec![sku_line(&sku, 1), line(kind, amount)]).await;
        assert_invalid(refused, &["items[1].amount"]);
    }
    for kind in [Type::Discount, Type::Tax, Type::Shipping] {
        assert_eq!(shop.order_of(vec![sku_line(&sku, 1), line(kind, 0)]).await.unwrap().amount, 4726);
    }
}

/// Defect 11.
#[tokio::test]
async fn a_refund_of_0_gives_back_everything_left_once() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let charge = shop.charge(Client::some_charge(1000)).await.unwrap();
    shop.refund(&charge.id, 300).await.unwrap();
    let all = shop.refund(&charge.id, 0).await.unwrap();
    assert_eq!(all.refund_amount, 1000);
    assert_eq!(all.refunds.iter().map(|refund| refund.refund_amount).collect::<Vec<_>>(), [300, 700]);
    for amount in [0, 1] {
        assert_refused(shop.refund(&charge.id, amount).await, Code::FailedPrecondition, "NOTHING_TO_REFUND");
    }
    assert_eq!(moved(&server.journal()), [1000, -300, -700]);
    assert_eq!(shop.read_charge(&charge.id).await, all);
}

/// Defect 12.
#[tokio::test]
async fn return_after_a_partial_refund_gives_back_what_is_left() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.refund(&paid.charge_id, 452).await.unwrap();
    let between = shop.read_order(&paid.id).await;
    assert_eq!((between.refunded_amount, between.status()), (452, order::Status::Paid));
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.refunded_amount, back.status()), (9452, order::Status::Canceled));
    assert_eq!(moved(&server.journal()), [9452, -452, -9000]);
    assert_eq!(shop.stock(&sku).await, 5);
}

/// Defect 12.
#[tokio::test]
async fn return_after_a_full_refund_takes_the_goods_back() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.refund(&paid.charge_id, 0).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.refunded_amount, back.status()), (9452, order::Status::Canceled));
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![9452, -9452], 5));
}

/// Defect 13.
#[tokio::test]
async fn an_order_can_be_returned_after_its_sku_was_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (gone, stays) = (shop.sku(5).await, shop.sku(5).await);
    let order = shop.order_of(vec![sku_line(&gone, 1), sku_line(&stays, 2)]).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    shop.skus().delete(skupb::DeleteRequest { id: gone.id.clone() }).await.unwrap();
    let back = shop.give_back(&paid).await.unwrap();
    assert_eq!((back.status(), back.refunded_amount), (order::Status::Canceled, 3 * 4726));
    assert_eq!(back.items[0].description, "North stand");
    assert_eq!(shop.stock(&stays).await, 5);
    let read = shop.skus().get(skupb::GetRequest { id: gone.id }).await;
    assert_refused(read, Code::NotFound, "NOT_FOUND");
    assert_eq!(shop.read_order(&order.id).await, back);
}

/// Defect 14.
#[tokio::test]
async fn a_product_with_skus_is_deleted_only_together_with_them() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    let mut skus = Vec::new();
    for _ in 0..3 {
        skus.push(shop.skus().create(Client::some_sku(&product, 1)).await.unwrap().into_inner());
    }
    let delete = |cascade| productpb::DeleteRequest { id: product.id.clone(), cascade };
    let refused = shop.products().delete(delete(false)).await;
    let details = assert_refused(refused, Code::FailedPrecondition, "PRODUCT_HAS_SKUS");
    assert_eq!(fact(&details, "skus"), "3");
    assert_eq!(shop.read_product(&product.id).await.skus, skus);
    shop.products().delete(delete(true)).await.unwrap();
    for sku in skus {
        let read = shop.skus().get(skupb::GetRequest { id: sku.id }).await;
        assert_refused(read, Code::NotFound, "NOT_FOUND");
    }
    let again = shop.products().delete(delete(true)).await;
    assert_refused(again, Code::NotFound, "NOT_FOUND");
}

/// Defect 14.
#[tokio::test]
async fn a_product_whose_skus_are_gone_can_be_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(1).await;
    shop.skus().delete(skupb::DeleteRequest { id: sku.id }).await.unwrap();
    shop.products().delete(productpb::DeleteRequest { id: sku.parent, cascade: false }).await.unwrap();
}

/// Defect 15.
#[tokio::test]
async fn an_order_can_be_paid_for_half_an_hour() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    assert_eq!(order.expires - order.created, 1800);
}

/// Defect 15.
#[tokio::test]
async fn how_long_an_order_can_be_paid_is_a_setting() {
    let server = Server::with(Setup { settings: "order.ttl_s = 1", ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let (in_time, late) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    assert_eq!(shop.pay(&in_time).await.unwrap().status(), order::Status::Paid);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_refused(shop.pay(&late).await, Code::FailedPrecondition, "ORDER_EXPIRED");
    assert_eq!((moved(&server.journal()), shop.stock(&sku).await), (vec![4726], 4));
}

/// Defect 16.
#[tokio::test(flavor = "multi_thread")]
async fn as_many_are_sold_as_there_are_however_many_pay_at_once() {
    const STOCK: usize = 25;
    const PAYERS: usize = 80;
    let server = Server::with(Setup { delay_ms: 200, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(25).await;
    let orders = join_all((0..PAYERS).map(|_| shop.order(&sku, 1))).await;
    let started = Instant::now();
    let results = join_all(orders.iter().map(|order| shop.pay(order))).await;
    let took = started.elapsed();
    let paid = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(paid, STOCK);
    for refused in results.into_iter().filter(Result::is_err) {
        let details = assert_refused(refused, Code::FailedPrecondition, "OUT_OF_STOCK");
        assert_eq!(fact(&details, &sku.id), "wanted 1, available 0");
    }
    assert_eq!(moved(&server.journal()), [4726; STOCK]);
    assert_eq!(shop.stock(&sku).await, 0);
    // One after the other would take 25 times the gateway's 200 ms.
    assert!(took < Duration::from_secs(2), "the payers waited for each other: {took:?}");
}

/// Defect 17.
#[tokio::test]
async fn a_payment_cut_by_a_crash_is_charged_once_and_known_afterwards() {
    let sandbox = Sandbox::start(&["--delay-ms", "400"]).await;
    let gateway = Gateway::At(sandbox.url());
    let mut server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("the gateway has the charge", async || (!sandbox.journal().await.is_empty()).then_some(()))
        .await;
    server.kill();
    assert!(paying.await.unwrap().is_err(), "there was nobody to answer");
    server.start_again().await;
    let shop = server.shop().await;
    // Whoever pays again joins, or finds it paid.
    if let Err(status) = shop.pay(&order).await {
        assert_refused::<()>(Err(status), Code::FailedPrecondition, "ORDER_STATUS");
    }
    let settled = shop.read_order(&order.id).await;
    assert_eq!(settled.status(), order::Status::Paid);
    assert_eq!((moved(&sandbox.journal().await), shop.stock(&sku).await), (vec![4726], 4));
    assert_eq!(shop.all_charges().await.len(), 1);
}

/// Defect 18.
#[tokio::test]
async fn a_gateway_that_is_not_there_is_an_answer_and_not_a_crash() {
    let gateway = Gateway::At("http://127.0.0.1:9".into());
    let server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let details = assert_refused(shop.pay(&order).await, Code::Unavailable, "UNAVAILABLE");
    assert!(details.retry_info().is_some());
    let after = shop.read_order(&order.id).await;
    assert_eq!((after.status(), after.pending_charge), (order::Status::Created, None));
    assert_eq!(shop.stock(&sku).await, 5);
}

/// Defect 18.
#[tokio::test]
async fn a_server_without_any_provider_says_so() {
    let server = Server::with(Setup { gateway: Gateway::None, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "PROVIDER_NOT_CONFIGURED");
}

/// Defect 19.
#[tokio::test]
async fn every_failure_has_its_code_and_a_reason_for_machines() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let nobody = "0190b0a2-7c1e-7000-8000-000000000001".to_owned();
    let not_found = (Code::NotFound, "NOT_FOUND");
    let read = shop.products().get(productpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.skus().get(skupb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.orders().get(orderpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let read = shop.payments().get(paymentpb::GetRequest { id: nobody.clone() }).await;
    assert_refused(read, not_found.0, not_found.1);
    let unknown = OrderItem { r#type: Type::Sku.into(), parent: nobody.clone(), ..OrderItem::default() };
    assert_refused(shop.order_of(vec![unknown]).await, not_found.0, not_found.1);
    let orphan = skupb::NewRequest { parent: nobody.clone(), ..Client::some_sku(&shop.product().await, 1) };
    assert_refused(shop.skus().create(orphan).await, not_found.0, not_found.1);
    assert_refused(shop.refund(&nobody, 1).await, not_found.0, not_found.1);
    let sku = shop.sku(1).await;
    let order = shop.order(&sku, 2).await;
    let details = assert_refused(shop.pay(&order).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!(fact(&details, &sku.id), "wanted 2, available 1");
    assert_refused(shop.give_back(&order).await, Code::FailedPrecondition, "ORDER_STATUS");
    let few = skupb::AdjustInventoryRequest {
        id: sku.id.clone(),
        delta: -2,
        reason: "breakage".into(),
        expected_version: 0,
    };
    assert_refused(shop.skus().adjust_inventory(few).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    let malformed = shop.orders().get(orderpb::GetRequest { id: "7".into() }).await;
    let details = assert_refused(malformed, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "id");
}

/// Defect 21.
#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_while_a_sku_sells() {
    let server = Server::with(Setup { delay_ms: 1500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(100).await;
    let orders = join_all((0..20).map(|_| shop.order(&sku, 1))).await;
    let paying = tokio::spawn({
        let (shop, orders) = (shop.clone(), orders.clone());
        async move { join_all(orders.iter().map(|order| shop.pay(order))).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await < 100).then_some(())).await;
    let started = Instant::now();
    for order in &orders {
        shop.read_sku(&sku.id).await;
        shop.read_product(&sku.parent).await;
        shop.read_order(&order.id).await;
        shop.skus().list(skupb::ListRequest::default()).await.unwrap();
        shop.orders().list(orderpb::ListRequest::default()).await.unwrap();
    }
    let took = started.elapsed();
    assert!(!paying.is_finished(), "the sale was over before it was read");
    assert!(took < Duration::from_millis(1200), "100 reads took {took:?}");
    assert!(paying.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(shop.stock(&sku).await, 80);
}

/// Defect 21: the quantity that can be had is there to be read, and written, in the middle of a sale.
#[tokio::test]
async fn a_sku_can_be_changed_while_it_sells() {
    let server = Server::with(Setup { delay_ms: 600, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 2).await;
    let paying = tokio::spawn({
        let (shop, order) = (shop.clone(), order.clone());
        async move { shop.pay(&order).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await == 3).then_some(())).await;
    let change = skupb::UpdateRequest {
        id: sku.id.clone(),
        active: true,
        inventory: finite(10),
        currency: Currency::Usd.into(),
        ..Default::default()
    };
    let changed = shop.skus().update(change).await.unwrap().into_inner();
    assert_eq!(changed.inventory.unwrap().quantity, 10);
    assert_eq!(paying.await.unwrap().unwrap().status(), order::Status::Paid);
    assert_eq!(shop.stock(&sku).await, 10);
}
