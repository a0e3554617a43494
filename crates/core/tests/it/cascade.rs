//! Deleting a product with its SKUs, which takes several commits.

use digota_core::id::ProductId;
use digota_core::page::Request;
use digota_core::port::store::Condition;
use digota_core::product::ProductDetails;
use digota_core::shop::Terms;
use digota_core::testing::store::Fault;
use digota_core::{Error, Result};

use super::world::{COMMITS_OF_A_WORLD, Plan, World, reason, sku_details};

/// More SKUs than go in one commit.
const SKUS: u64 = 501;

/// SKUs in two commits, and the product.
const COMMITS: u64 = 3;

/// A product with many SKUs.
async fn laden(world: &World) -> ProductId {
    let details = ProductDetails { name: "Cups".into(), ..ProductDetails::default() };
    let product = world.shop.new_product(details, &world.terms()).await.unwrap().id;
    for n in 0..SKUS {
        world.shop.new_sku(sku_details(&format!("cup {n}"), product), 1, &world.terms()).await.unwrap();
    }
    product
}

/// Whether the product is there, and how many SKUs it has.
async fn left(world: &World, product: ProductId) -> (bool, u64) {
    let conditions = vec![Condition::Parent(product.0)];
    let skus = world.shop.skus(&Request { conditions, limit: 1, ..Request::default() }).await.unwrap();
    let found = world.shop.product(product).await;
    assert!(matches!(&found, Ok(_) | Err(Error::NotFound { .. })), "{found:?}");
    (found.is_ok(), skus.total.count)
}

async fn delete(world: &World, product: ProductId, terms: &Terms) -> Result<()> {
    world.shop.delete_product(product, true, terms).await
}

#[tokio::test]
async fn whatever_commit_of_a_cascade_fails_the_product_goes_last_and_in_the_end() {
    let before = COMMITS_OF_A_WORLD + 1 + SKUS;
    for number in 1..=COMMITS {
        for fault in Fault::ALL {
            println!("{fault:?} at commit {number}");
            let world = World::of(Plan { faults: vec![(before + number, fault)], ..Plan::default() }).await;
            let product = laden(&world).await;
            let told = delete(&world, product, &world.keyed("k")).await;
            world.flaky.revive();
            let (is_there, skus) = left(&world, product).await;
            assert!(is_there || skus == 0, "{skus} SKUs have lost their product");
            match told {
                Ok(()) => assert!(!is_there),
                Err(Error::Unavailable { .. }) => {}
                other => panic!("told {other:?}"),
            }
            for _ in 0..2 {
                delete(&world, product, &world.keyed("k")).await.unwrap();
                assert_eq!(left(&world, product).await, (false, 0));
            }
            assert!(matches!(delete(&world, product, &world.terms()).await, Err(Error::NotFound { .. })));
            let told = world.events_of(product).await;
            assert_eq!(told, ["product.created", "product.deleted"]);
            world.assert_consistent().await;
        }
    }
}

/// While the product is being deleted somebody adds to it and somebody changes what is in it.
#[tokio::test]
async fn no_sku_is_left_behind_by_a_cascade_whoever_works_on_the_product_meanwhile() {
    for seed in 0..200 {
        let world = World::of(Plan { seed: Some(seed), ..Plan::default() }).await;
        let product = world.product;
        let terms = world.terms();
        let adding = async {
            for n in 0..3 {
                let _ = world.shop.new_sku(sku_details(&format!("late {n}"), product), 1, &terms).await;
            }
        };
        let (told, (), _) = tokio::join!(
            delete(&world, product, &terms),
            adding,
            world.shop.delete_sku(world.skus[1], &terms)
        );
        let (is_there, skus) = left(&world, product).await;
        match told {
            Ok(()) => assert_eq!((is_there, skus), (false, 0), "seed {seed}"),
            refused => {
                assert_eq!(reason(refused), "PRODUCT_HAS_SKUS", "seed {seed}");
                assert!(is_there && skus > 0, "seed {seed}");
                delete(&world, product, &terms).await.unwrap();
                assert_eq!(left(&world, product).await, (false, 0), "seed {seed}");
            }
        }
        world.assert_consistent().await;
    }
}
