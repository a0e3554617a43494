//! Products and SKUs that can not be.

use digota_proto::productpb;
use digota_proto::skupb::{self, AdjustInventoryRequest, Inventory, PackageDimensions};

use super::table::{all_refused, pairs};
use crate::harness::{Client, Server, finite};

/// Rows 68 to 70, 75 to 79, 83, 85 and 87, for products.
#[tokio::test]
async fn products_that_are_wrong_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    all_refused! { shop.products(), create, Client::some_product(),
        ["name"] |r: &mut productpb::NewRequest| r.name = String::new();
        ["name"] |r: &mut productpb::NewRequest| r.name = " \t ".into();
        ["name"] |r: &mut productpb::NewRequest| r.name = "x".repeat(257);
        ["name"] |r: &mut productpb::NewRequest| r.name = "a\u{1b}[2Jb".into();
        ["name"] |r: &mut productpb::NewRequest| r.name = "a\0b".into();
        ["name"] |r: &mut productpb::NewRequest| r.name = "x".repeat(200_000);
        ["description"] |r: &mut productpb::NewRequest| r.description = "x".repeat(2056);
        ["description"] |r: &mut productpb::NewRequest| r.description = "a\0b".into();
        ["attributes[1]"] |r: &mut productpb::NewRequest| r.attributes = vec!["size".into(), String::new()];
        ["attributes"] |r: &mut productpb::NewRequest| r.attributes = vec!["size".into(); 1000];
        ["images[0]"] |r: &mut productpb::NewRequest| r.images = vec!["not a url".into()];
        ["images[0]", "images[1]"] |r: &mut productpb::NewRequest| r.images = vec!["javascript:alert(1)".into(), String::new()];
        ["images"] |r: &mut productpb::NewRequest| r.images = vec!["https://example.com/a".into(); 1000];
        ["url"] |r: &mut productpb::NewRequest| r.url = "file:///etc/passwd".into();
        ["url"] |r: &mut productpb::NewRequest| r.url = "https://user:secret@example.com/".into();
        ["url"] |r: &mut productpb::NewRequest| r.url = "/relative".into();
        ["url"] |r: &mut productpb::NewRequest| r.url = format!("https://example.com/{}", "x".repeat(3000));
        ["metadata"] |r: &mut productpb::NewRequest| r.metadata = pairs(51, |i| format!("k{i}"), "v");
        ["metadata[\"\"]"] |r: &mut productpb::NewRequest| r.metadata = pairs(1, |_| String::new(), "v");
        ["metadata[\"k\"]"] |r: &mut productpb::NewRequest| r.metadata = pairs(1, |_| "k".into(), &"v".repeat(513));
        ["metadata[\"k\"]"] |r: &mut productpb::NewRequest| r.metadata = pairs(1, |_| "k".into(), "a\0b");
        ["metadata[\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\"]"] |r: &mut productpb::NewRequest| r.metadata = pairs(1, |_| "k".repeat(65), "v");
    }
    let list = shop.products().list(productpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.total, 0);
}

/// Rows 27, 29, 47, 57 to 63, for SKUs.
#[tokio::test]
async fn skus_that_are_wrong_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let product = shop.product().await;
    fn sides(of: f64) -> Option<PackageDimensions> {
        Some(PackageDimensions { height: of, length: 1.0, weight: 1.0, width: 1.0 })
    }
    all_refused! { shop.skus(), create, Client::some_sku(&product, 1),
        ["name"] |r: &mut skupb::NewRequest| r.name = String::new();
        ["name"] |r: &mut skupb::NewRequest| r.name = "x".repeat(257);
        ["currency"] |r: &mut skupb::NewRequest| r.currency = 0;
        ["currency"] |r: &mut skupb::NewRequest| r.currency = 129;
        ["currency"] |r: &mut skupb::NewRequest| r.currency = -1;
        ["currency"] |r: &mut skupb::NewRequest| r.currency = 9999;
        ["price"] |r: &mut skupb::NewRequest| r.price = 10_000_000_001;
        ["price"] |r: &mut skupb::NewRequest| r.price = u64::MAX;
        ["price"] |r: &mut skupb::NewRequest| r.price = 1 << 63;
        ["image"] |r: &mut skupb::NewRequest| r.image = "javascript:alert(1)".into();
        ["inventory"] |r: &mut skupb::NewRequest| r.inventory = None;
        ["inventory.quantity"] |r: &mut skupb::NewRequest| r.inventory = finite(-1);
        ["inventory.quantity"] |r: &mut skupb::NewRequest| r.inventory = finite(i64::MIN);
        ["inventory.quantity"] |r: &mut skupb::NewRequest| r.inventory = finite(i64::MAX);
        ["inventory.type"] |r: &mut skupb::NewRequest| r.inventory = Some(Inventory { r#type: 2, ..Inventory::default() });
        ["inventory.type"] |r: &mut skupb::NewRequest| r.inventory = Some(Inventory { r#type: -1, ..Inventory::default() });
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(f64::NAN);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(f64::INFINITY);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(f64::NEG_INFINITY);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(0.0);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(-0.0);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(-1.0);
        ["packageDimensions.height"] |r: &mut skupb::NewRequest| r.package_dimensions = sides(1e308);
        ["metadata"] |r: &mut skupb::NewRequest| r.metadata = pairs(10_000, |i| format!("k{i}"), "v");
        ["attributes"] |r: &mut skupb::NewRequest| r.attributes = pairs(51, |i| format!("k{i}"), "v");
    }
    let sku = shop.skus().create(Client::some_sku(&product, 5)).await.unwrap().into_inner();
    let movement = AdjustInventoryRequest {
        id: sku.id.clone(),
        delta: 1,
        reason: "delivery".into(),
        expected_version: 0,
    };
    all_refused! { shop.skus(), adjust_inventory, movement.clone(),
        ["delta"] |r: &mut AdjustInventoryRequest| r.delta = 0;
        ["delta"] |r: &mut AdjustInventoryRequest| r.delta = i64::MAX;
        ["delta"] |r: &mut AdjustInventoryRequest| r.delta = i64::MIN;
        ["delta"] |r: &mut AdjustInventoryRequest| r.delta = 1_000_000_000_000;
        ["reason"] |r: &mut AdjustInventoryRequest| r.reason = " ".into();
        ["reason"] |r: &mut AdjustInventoryRequest| r.reason = "x".repeat(257);
        ["expected_version"] |r: &mut AdjustInventoryRequest| r.expected_version = -1;
    }
    let change = skupb::UpdateRequest { id: sku.id.clone(), active: true, ..Default::default() };
    all_refused! { shop.skus(), update, change.clone(),
        ["price"] |r: &mut skupb::UpdateRequest| r.price = u64::MAX;
        ["currency"] |r: &mut skupb::UpdateRequest| r.currency = 129;
        ["parent"] |r: &mut skupb::UpdateRequest| r.parent = "x".into();
        ["inventory.quantity"] |r: &mut skupb::UpdateRequest| r.inventory = finite(-1);
        ["packageDimensions.height"] |r: &mut skupb::UpdateRequest| r.package_dimensions = sides(f64::NAN);
        ["expected_version"] |r: &mut skupb::UpdateRequest| r.expected_version = i64::MIN;
    }
    assert_eq!(shop.read_product(&product.id).await.skus, [sku]);
}
