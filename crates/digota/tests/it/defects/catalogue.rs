//! Defects of the catalogue.

use digota_proto::orderpb::{self};
use digota_proto::{productpb, skupb};
use prost_types::FieldMask;
use tonic::Code;

use crate::harness::{Client, Server, assert_invalid, assert_refused, fact, sku_line};

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
