//! Changes of products, SKUs and stock.

use std::collections::BTreeMap;

use digota_proto::productpb::{self, Product};
use digota_proto::skupb::{self, AdjustInventoryRequest, PackageDimensions, Sku, inventory};
use futures_util::future::join_all;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::harness::{Client, Server, Setup, assert_invalid, assert_refused, eventually, fact, finite};

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

async fn change_product(shop: &Client, change: productpb::UpdateRequest) -> Result<Product, Status> {
    Ok(shop.products().update(change).await?.into_inner())
}

async fn change_sku(shop: &Client, change: skupb::UpdateRequest) -> Result<Sku, Status> {
    Ok(shop.skus().update(change).await?.into_inner())
}

async fn adjust(shop: &Client, sku: &Sku, delta: i64) -> Result<Sku, Status> {
    let request =
        AdjustInventoryRequest { id: sku.id.clone(), delta, reason: "delivery".into(), expected_version: 0 };
    Ok(shop.skus().adjust_inventory(request).await?.into_inner())
}

async fn full_product(shop: &Client) -> Product {
    let new = productpb::NewRequest {
        description: "One match, one seat".into(),
        images: vec!["https://example.com/a.png".into()],
        metadata: BTreeMap::from([("team".to_owned(), "north".to_owned())]),
        shippable: true,
        url: "https://example.com/ticket".into(),
        ..Client::some_product()
    };
    shop.products().create(new).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_mask_changes_exactly_the_fields_that_it_names_empty_ones_included() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let old = full_product(&shop).await;
    let change = productpb::UpdateRequest {
        id: old.id.clone(),
        name: "Not asked for".into(),
        update_mask: mask(&["description", "images", "metadata", "url", "attributes", "shippable"]),
        ..Default::default()
    };
    let now = change_product(&shop, change).await.unwrap();
    let expected = Product {
        description: String::new(),
        images: vec![],
        metadata: BTreeMap::new(),
        url: String::new(),
        attributes: vec![],
        shippable: false,
        version: 2,
        updated: now.updated,
        ..old
    };
    assert_eq!(now, expected);
    assert_eq!(shop.read_product(&now.id).await, now);
}

#[tokio::test]
async fn a_mask_is_understood_in_camel_case_and_with_underscores() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let side = |size| PackageDimensions { height: size, length: size, weight: size, width: size };
    for (path, size) in [("packageDimensions", 1.0), ("package_dimensions", 2.0)] {
        let change = skupb::UpdateRequest {
            id: sku.id.clone(),
            package_dimensions: Some(side(size)),
            update_mask: mask(&[path]),
            ..Default::default()
        };
        let now = change_sku(&shop, change).await.unwrap();
        assert_eq!((now.package_dimensions, now.active, now.price), (Some(side(size)), true, sku.price));
    }
    let nothing =
        skupb::UpdateRequest { id: sku.id, update_mask: mask(&["packageDimensions"]), ..Default::default() };
    assert_eq!(change_sku(&shop, nothing).await.unwrap().package_dimensions, None);
}

#[tokio::test]
async fn a_mask_reaches_into_the_inventory() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let change = |paths: &[&str], quantity, kind: inventory::Type| skupb::UpdateRequest {
        id: sku.id.clone(),
        inventory: Some(skupb::Inventory { quantity, r#type: kind.into(), version: 0 }),
        update_mask: mask(paths),
        ..Default::default()
    };
    let now = change_sku(&shop, change(&["inventory.quantity"], 9, inventory::Type::Infinite)).await.unwrap();
    let stock = now.inventory.unwrap();
    assert_eq!((stock.quantity, stock.r#type()), (9, inventory::Type::Finite));
    let now = change_sku(&shop, change(&["inventory.type"], 0, inventory::Type::Infinite)).await.unwrap();
    assert_eq!(now.inventory.unwrap().r#type(), inventory::Type::Infinite);
    let now = change_sku(&shop, change(&["inventory"], 3, inventory::Type::Finite)).await.unwrap();
    let stock = now.inventory.unwrap();
    assert_eq!((stock.quantity, stock.r#type()), (3, inventory::Type::Finite));
}

#[tokio::test]
async fn a_mask_that_names_no_field_that_can_be_changed_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    for path in ["colour", "id", "version", "created", "inventory.version", "", "name.first"] {
        let change =
            skupb::UpdateRequest { id: sku.id.clone(), update_mask: mask(&[path]), ..Default::default() };
        assert_invalid(change_sku(&shop, change).await, &["update_mask"]);
        let change = productpb::UpdateRequest {
            id: sku.parent.clone(),
            update_mask: mask(&[path]),
            ..Default::default()
        };
        assert_invalid(change_product(&shop, change).await, &["update_mask"]);
    }
    assert_eq!(shop.read_sku(&sku.id).await, sku);
}

#[tokio::test]
async fn an_empty_mask_is_like_none() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let change =
        skupb::UpdateRequest { id: sku.id.clone(), price: 7, update_mask: mask(&[]), ..Default::default() };
    let now = change_sku(&shop, change).await.unwrap();
    assert_eq!((now.price, now.active, now.name), (7, false, sku.name));
    let change = productpb::UpdateRequest {
        id: sku.parent.clone(),
        name: "Season".into(),
        update_mask: mask(&[]),
        ..Default::default()
    };
    let now = change_product(&shop, change).await.unwrap();
    assert_eq!((now.name.as_str(), now.active, now.attributes.len()), ("Season", false, 1));
}

#[tokio::test]
async fn with_a_mask_only_the_named_fields_must_be_right() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    let wrong = productpb::UpdateRequest {
        id: product.id.clone(),
        name: String::new(),
        url: "javascript:alert(1)".into(),
        active: false,
        update_mask: mask(&["active"]),
        ..Default::default()
    };
    assert!(!change_product(&shop, wrong.clone()).await.unwrap().active);
    let named = productpb::UpdateRequest { update_mask: mask(&["name", "url"]), ..wrong };
    assert_invalid(change_product(&shop, named).await, &["name", "url"]);
}

#[tokio::test]
async fn a_stale_version_changes_nothing_and_learns_the_current_one() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let change = |version| skupb::UpdateRequest {
        id: sku.id.clone(),
        price: 7,
        update_mask: mask(&["price"]),
        expected_version: version,
        ..Default::default()
    };
    assert_eq!(change_sku(&shop, change(1)).await.unwrap().version, 2);
    let details = assert_refused(change_sku(&shop, change(1)).await, Code::Aborted, "VERSION_STALE");
    assert_eq!(fact(&details, "current_version"), "2");
    assert_eq!(change_sku(&shop, change(0)).await.unwrap().version, 3);
    let stale = productpb::UpdateRequest {
        id: sku.parent.clone(),
        name: "Season".into(),
        expected_version: 9,
        ..Default::default()
    };
    let details = assert_refused(change_product(&shop, stale).await, Code::Aborted, "VERSION_STALE");
    assert_eq!(fact(&details, "current_version"), "1");
    let stale = AdjustInventoryRequest {
        id: sku.id.clone(),
        delta: 1,
        reason: "delivery".into(),
        expected_version: 1,
    };
    let details = assert_refused(shop.skus().adjust_inventory(stale).await, Code::Aborted, "VERSION_STALE");
    assert_eq!((fact(&details, "current_version").as_str(), shop.stock(&sku).await), ("3", 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_insist_on_one_version_one_wins() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let change = |price| skupb::UpdateRequest {
        id: sku.id.clone(),
        price,
        active: true,
        expected_version: 1,
        ..Default::default()
    };
    let results = join_all((1..=32).map(|price| change_sku(&shop, change(price)))).await;
    let won: Vec<_> = results.iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(shop.read_sku(&sku.id).await, *won[0]);
    for refused in results.into_iter().filter(Result::is_err) {
        assert_refused(refused, Code::Aborted, "VERSION_STALE");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_different_fields_at_once_are_all_kept() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let masked = |path: &str| skupb::UpdateRequest {
        id: sku.id.clone(),
        name: "South stand".into(),
        price: 9,
        image: "https://example.com/s.png".into(),
        update_mask: mask(&[path]),
        ..Default::default()
    };
    let all = ["name", "price", "image", "active"].map(|path| change_sku(&shop, masked(path)));
    assert!(join_all(all).await.iter().all(Result::is_ok));
    let now = shop.read_sku(&sku.id).await;
    let fields = (now.name.as_str(), now.price, now.image.as_str(), now.active, now.version);
    assert_eq!(fields, ("South stand", 9, "https://example.com/s.png", false, 5));
}

#[tokio::test]
async fn a_sale_changes_neither_version_nor_updated_of_a_sku_but_its_inventory() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    shop.paid(&sku, 1).await;
    let now = shop.read_sku(&sku.id).await;
    assert_eq!((now.version, now.updated), (sku.version, sku.updated));
    let (before, after) = (sku.inventory.unwrap(), now.inventory.unwrap());
    assert_eq!(after.quantity, 4);
    assert!(after.version > before.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn adjustments_at_once_all_count() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(0).await;
    let results = join_all((1..=50).map(|delta| adjust(&shop, &sku, delta))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(shop.stock(&sku).await, 1275);
    assert_eq!(adjust(&shop, &sku, -1275).await.unwrap().inventory.unwrap().quantity, 0);
    let details = assert_refused(adjust(&shop, &sku, -1).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!(fact(&details, &sku.id), "wanted 1, available 0");
}

#[tokio::test]
async fn an_infinite_stock_is_not_adjusted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku_at(5).await;
    assert_refused(adjust(&shop, &sku, 1).await, Code::FailedPrecondition, "INVENTORY_INFINITE");
}

#[tokio::test]
async fn pieces_held_for_a_payment_can_not_be_taken_away() {
    let server = Server::with(Setup { delay_ms: 500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 4).await;
    let paying = tokio::spawn({
        let shop = shop.clone();
        async move { shop.pay(&order).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await == 1).then_some(())).await;
    assert_refused(adjust(&shop, &sku, -2).await, Code::FailedPrecondition, "OUT_OF_STOCK");
    paying.await.unwrap().unwrap();
    assert_eq!(shop.stock(&sku).await, 1);
}

#[tokio::test]
async fn stock_adds_up_when_a_sku_becomes_infinite_and_finite_again_during_a_sale() {
    let server = Server::with(Setup { delay_ms: 500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 2).await;
    let paying = tokio::spawn({
        let shop = shop.clone();
        async move { shop.pay(&order).await }
    });
    eventually("pieces are held", async || (shop.stock(&sku).await == 3).then_some(())).await;
    let kind = |kind: inventory::Type| skupb::UpdateRequest {
        id: sku.id.clone(),
        inventory: Some(skupb::Inventory { r#type: kind.into(), ..Default::default() }),
        update_mask: mask(&["inventory.type"]),
        ..Default::default()
    };
    change_sku(&shop, kind(inventory::Type::Infinite)).await.unwrap();
    let paid = paying.await.unwrap().unwrap();
    change_sku(&shop, kind(inventory::Type::Finite)).await.unwrap();
    assert_eq!(shop.stock(&sku).await, 3);
    shop.give_back(&paid).await.unwrap();
    assert_eq!(shop.stock(&sku).await, 5);
}

#[tokio::test]
async fn a_new_price_does_not_reach_orders_that_exist() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let change = skupb::UpdateRequest {
        id: sku.id.clone(),
        name: "Other".into(),
        price: 1,
        active: true,
        ..Default::default()
    };
    change_sku(&shop, change).await.unwrap();
    let paid = shop.pay(&order).await.unwrap();
    assert_eq!((paid.amount, paid.items[0].description.as_str()), (4726, "North stand"));
    assert_eq!(shop.order(&sku, 1).await.amount, 1);
}

#[tokio::test]
async fn a_sku_can_move_to_another_product_and_loses_the_attributes_that_it_does_not_name() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let attributes = BTreeMap::from([("stand".to_owned(), "north".to_owned())]);
    let new = skupb::NewRequest { attributes, ..Client::some_sku(&shop.product().await, 1) };
    let sku = shop.skus().create(new).await.unwrap().into_inner();
    let plain = productpb::NewRequest { attributes: vec![], ..Client::some_product() };
    let other = shop.products().create(plain).await.unwrap().into_inner();
    let change = |parent: &str| skupb::UpdateRequest {
        id: sku.id.clone(),
        parent: parent.into(),
        update_mask: mask(&["parent"]),
        ..Default::default()
    };
    let moved = change_sku(&shop, change(&other.id)).await.unwrap();
    assert_eq!((moved.parent, moved.attributes), (other.id.clone(), BTreeMap::new()));
    let nowhere = change("0190b0a2-7c1e-7000-8000-000000000001");
    assert_refused(change_sku(&shop, nowhere).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(shop.read_product(&other.id).await.skus.len(), 1);
}

#[tokio::test]
async fn a_quantity_that_is_set_is_what_can_be_sold_from_now_on() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    shop.paid(&sku, 3).await;
    let change =
        skupb::UpdateRequest { id: sku.id.clone(), active: true, inventory: finite(5), ..Default::default() };
    assert_eq!(change_sku(&shop, change).await.unwrap().inventory.unwrap().quantity, 5);
    shop.paid(&sku, 5).await;
    assert_eq!(shop.stock(&sku).await, 0);
}
