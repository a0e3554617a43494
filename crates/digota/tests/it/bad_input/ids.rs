//! What is no id.

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{
    self, CancelRequest, FulfillRequest, OrderItem, PayRequest, ReturnRequest, return_request,
};
use digota_proto::paymentpb::{self, CaptureRequest, RefundRequest, VoidRequest};
use digota_proto::productpb;
use digota_proto::skupb::{self, AdjustInventoryRequest};
use tonic::Code;

use crate::harness::{Client, Server, assert_invalid, payment};

/// What no id looks like.
fn bad_ids() -> Vec<String> {
    let good = "0190b0a2-7c1e-7000-8000-000000000001";
    let plain = [
        "",
        "7",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "%2e%2e%2f",
        "' OR 1=1 --",
        "{\"$gt\":\"\"}",
        "*",
        "foo:bar",
        "00000000-0000-0000-0000-000000000000",
        "0190b0a27c1e70008000000000000001",
        "{0190b0a2-7c1e-7000-8000-000000000001}",
        "urn:uuid:0190b0a2-7c1e-7000-8000-000000000001",
        "0190b0a2-7c1e-7000-8000-00000000000g",
    ];
    let mut ids: Vec<String> = plain.map(str::to_owned).to_vec();
    ids.push("x".repeat(10_000));
    for (before, after) in
        [(" ", ""), ("", " "), ("", "\0"), ("", "\r\n"), ("\u{feff}", ""), ("\u{202e}", "")]
    {
        ids.push(format!("{before}{good}{after}"));
    }
    ids.push(good.replacen('a', "\u{430}", 1));
    ids
}

/// Rows 1 to 12, 17 and 20.
#[tokio::test]
async fn what_is_no_id_is_refused_everywhere() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(1).await;
    let order = shop.order(&sku, 1).await;
    for id in bad_ids() {
        macro_rules! each {
            ($($field:literal $client:ident.$rpc:ident($request:expr);)+) => {$(
                assert_invalid(shop.$client().$rpc($request).await.map(|_| id.clone()), &[$field]);
            )+};
        }
        each! {
            "id" products.get(productpb::GetRequest { id: id.clone() });
            "id" products.delete(productpb::DeleteRequest { id: id.clone(), cascade: true });
            "id" products.update(productpb::UpdateRequest { id: id.clone(), name: "Season".into(), ..Default::default() });
            "id" skus.get(skupb::GetRequest { id: id.clone() });
            "id" skus.delete(skupb::DeleteRequest { id: id.clone() });
            "id" skus.update(skupb::UpdateRequest { id: id.clone(), ..Default::default() });
            "id" skus.adjust_inventory(AdjustInventoryRequest { id: id.clone(), delta: 1, reason: "x".into(), expected_version: 0 });
            "parent" skus.create(skupb::NewRequest { parent: id.clone(), ..Client::some_sku(&shop.read_product(&sku.parent).await, 1) });
            "id" orders.get(orderpb::GetRequest { id: id.clone() });
            "id" orders.pay(PayRequest { id: id.clone(), ..payment(&order) });
            "id" orders.r#return(ReturnRequest { id: id.clone(), ..Default::default() });
            "id" orders.fulfill(FulfillRequest { id: id.clone(), ..Default::default() });
            "id" orders.cancel(CancelRequest { id: id.clone(), ..Default::default() });
            "id" payments.get(paymentpb::GetRequest { id: id.clone() });
            "id" payments.refund_charge(RefundRequest { id: id.clone(), ..Default::default() });
            "id" payments.capture(CaptureRequest { id: id.clone(), ..Default::default() });
            "id" payments.void(VoidRequest { id: id.clone(), ..Default::default() });
        }
        let line = OrderItem { r#type: Type::Sku.into(), parent: id.clone(), ..OrderItem::default() };
        assert_invalid(shop.order_of(vec![line]).await, &["items[0].parent"]);
        let items = vec![return_request::Item { parent: id.clone(), quantity: 1 }];
        let back = ReturnRequest { id: order.id.clone(), items, ..Default::default() };
        assert_invalid(shop.return_by(back).await, &["items[0].parent"]);
        if !id.is_empty() {
            let list = skupb::ListRequest { parent: id.clone(), ..Default::default() };
            assert_invalid(shop.skus().list(list).await, &["parent"]);
            let list = paymentpb::ListRequest { order_id: id.clone(), ..Default::default() };
            assert_invalid(shop.payments().list(list).await, &["order_id"]);
        }
    }
    assert_eq!((shop.read_order(&order.id).await, shop.read_sku(&sku.id).await), (order, sku));
}

/// Rows 13, 15, 16 and 108.
#[tokio::test]
async fn an_id_of_another_kind_is_nobodys_and_upper_case_is_the_same_id() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(1).await;
    let order = shop.orders().get(orderpb::GetRequest { id: sku.id.clone() }).await;
    assert_eq!(order.unwrap_err().code(), Code::NotFound);
    let line = OrderItem { r#type: Type::Sku.into(), parent: sku.parent.clone(), ..OrderItem::default() };
    assert_eq!(shop.order_of(vec![line]).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(shop.read_sku(&sku.id.to_uppercase()).await, sku);
    let delete = || skupb::DeleteRequest { id: sku.id.clone() };
    shop.skus().delete(delete()).await.unwrap();
    assert_eq!(shop.skus().delete(delete()).await.unwrap_err().code(), Code::NotFound);
}
