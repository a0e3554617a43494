//! A lock that is not given: the request fails before anything happens, and can be made again.

use std::time::Duration;

use digota_core::order::OrderStatus;
use digota_core::payment::{Charge, RefundReason};
use digota_core::port::lock::LockError;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::{Error, Result};

use super::world::{World, pay};

/// What asks for a lock.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Pay,
    Return,
    /// Of an order's charge, which is the order's business.
    Refund,
    /// Of a charge without an order.
    RefundAlone,
    Capture,
    Void,
}

const DEEDS: [Deed; 6] =
    [Deed::Pay, Deed::Return, Deed::Refund, Deed::RefundAlone, Deed::Capture, Deed::Void];

/// What deeds are done to.
struct Scene {
    world: World,
    unpaid: digota_core::order::Order,
    paid: digota_core::order::Order,
    taken: Charge,
    held: Charge,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let (unpaid, paid) = (world.order(1).await, world.paid(1).await);
        let (taken, held) = (world.charge(700, false).await, world.charge(900, true).await);
        Scene { world, unpaid, paid, taken, held }
    }

    async fn attempt(&self, deed: Deed) -> Result<()> {
        let (shop, terms) = (&self.world.shop, &self.world.keyed("k"));
        let reason = RefundReason::default();
        let refund = |charge| RefundCharge { charge, amount: 0, reason, expected_version: 0 };
        match deed {
            Deed::Pay => shop.pay(pay(self.unpaid.id, "tok_ok"), terms).await.map(drop),
            Deed::Return => {
                let order = self.paid.id;
                let all = Return {
                    order,
                    goods: Vec::new(),
                    amount: 0,
                    reason,
                    restock: true,
                    expected_version: 0,
                };
                shop.return_order(all, terms).await.map(drop)
            }
            Deed::Refund => shop.refund_charge(refund(self.paid.charge.unwrap()), terms).await.map(drop),
            Deed::RefundAlone => shop.refund_charge(refund(self.taken.id), terms).await.map(drop),
            Deed::Capture => shop.capture_charge(self.held.id, 0, 0, terms).await.map(drop),
            Deed::Void => shop.void_charge(self.held.id, 0, terms).await.map(drop),
        }
    }
}

#[tokio::test]
async fn a_request_that_gets_no_lock_does_nothing_and_can_be_made_again() {
    for deed in DEEDS {
        for error in [LockError::Busy, LockError::Unavailable("cut".into())] {
            println!("{deed:?}: {error:?}");
            let scene = Scene::new().await;
            let world = &scene.world;
            let (commits, asked) = (world.flaky.commits(), world.wire.log.lock().unwrap().len());
            world.turns.refuse(Some(error.clone()));
            match (scene.attempt(deed).await.unwrap_err(), error) {
                (Error::Busy { retry_after, .. }, LockError::Busy) => assert!(retry_after > Duration::ZERO),
                (Error::Unavailable { what, retry_after, .. }, LockError::Unavailable(_)) => {
                    assert_eq!(what, "the lock service");
                    assert!(retry_after > Duration::ZERO);
                }
                other => panic!("{other:?}"),
            }
            let now = (world.flaky.commits(), world.wire.log.lock().unwrap().len());
            assert_eq!(now, (commits, asked), "nothing was written, no gateway was asked");
            assert_eq!(world.key("k").await, None);
            world.turns.refuse(None);
            scene.attempt(deed).await.unwrap();
            world.assert_consistent().await;
        }
    }
}

/// What was answered once is answered again whatever the lock says.
#[tokio::test]
async fn an_answer_that_is_known_needs_no_lock() {
    for deed in DEEDS {
        let scene = Scene::new().await;
        scene.attempt(deed).await.unwrap();
        scene.world.turns.refuse(Some(LockError::Busy));
        scene.attempt(deed).await.unwrap();
        scene.world.assert_consistent().await;
    }
}

/// The janitor, readers and all that is no payment go on without the lock service.
#[tokio::test]
async fn what_needs_no_lock_goes_on_without_one() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.shop.pay(pay(order.id, "tok_lose_after"), &world.patient()).await.unwrap();
    world.turns.refuse(Some(LockError::Unavailable("cut".into())));
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.shop.fulfill_order(order.id, "post", "1", 0, &world.terms()).await.unwrap();
    world.order(1).await;
    world.assert_consistent().await;
}
