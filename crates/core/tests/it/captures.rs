//! Money that is only held at first: taken later, or given up.

use digota_core::id::ChargeId;
use digota_core::payment::ChargeStatus;
use digota_core::port::Gateway;
use digota_core::port::gateway::{Call, Capabilities, Outcome};
use digota_core::testing::gateway::Act;

use super::world::{Plan, World, is_pending, new_charge, reason, usd};

/// Whether the gateway still holds the money of a charge: whether it could be taken behind the shop's back.
async fn holds(world: &World, charge: ChargeId) -> bool {
    let reference = world.charge_now(charge).await.provider_charge_id;
    let call = Call { attempt: uuid::Uuid::from_u128(42), key: "probe".into() };
    let answer = world.wire.gateway.capture(&call, &reference, usd(1)).await.unwrap();
    answer.outcome == Outcome::Succeeded
}

#[tokio::test]
async fn held_money_is_taken_in_part_or_whole() {
    for (amount, taken) in [(0, 1000), (400, 400)] {
        let world = World::new().await;
        let charge = world.charge(1000, true).await;
        assert_eq!((charge.status, world.wire.gateway.moved()), (ChargeStatus::Authorized, 0));
        let charge = world.shop.capture_charge(charge.id, amount, 0, &world.terms()).await.unwrap();
        assert_eq!((charge.status, charge.money), (ChargeStatus::Succeeded, usd(taken)));
        assert_eq!(reason(world.shop.capture_charge(charge.id, 0, 0, &world.terms()).await), "CHARGE_STATUS");
        assert_eq!(reason(world.shop.void_charge(charge.id, 0, &world.terms()).await), "CHARGE_STATUS");
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn no_more_is_taken_than_is_held() {
    let world = World::new().await;
    let charge = world.charge(1000, true).await.id;
    assert_eq!(reason(world.shop.capture_charge(charge, 1001, 0, &world.terms()).await), "CAPTURE_EXCEEDS");
    assert_eq!(world.wire.asked("capture"), 0);
    world.assert_consistent().await;
}

#[tokio::test]
async fn held_money_is_given_up() {
    let world = World::new().await;
    let charge = world.charge(1000, true).await.id;
    let charge = world.shop.void_charge(charge, 0, &world.terms()).await.unwrap();
    assert_eq!(charge.status, ChargeStatus::Canceled);
    assert!(!holds(&world, charge.id).await);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_lost_capture_is_settled_as_the_gateway_knows_it() {
    for (act, status) in
        [(Act::LoseAfter, ChargeStatus::Succeeded), (Act::LoseBefore, ChargeStatus::Authorized)]
    {
        let world = World::new().await;
        let charge = world.charge(1000, true).await.id;
        world.wire.gateway.next(act);
        assert!(is_pending(world.shop.capture_charge(charge, 0, 0, &world.terms()).await));
        world.settle().await;
        assert_eq!(world.charge_now(charge).await.status, status);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn a_lost_void_never_claims_that_held_money_was_given_up() {
    for act in [Act::LoseAfter, Act::LoseBefore] {
        let world = World::new().await;
        let charge = world.charge(1000, true).await.id;
        world.wire.gateway.next(act);
        assert!(is_pending(world.shop.void_charge(charge, 0, &world.terms()).await));
        world.settle().await;
        world.assert_consistent().await;
        let given_up = world.charge_now(charge).await.status == ChargeStatus::Canceled;
        assert_eq!(holds(&world, charge).await, !given_up, "{act:?}");
    }
}

#[tokio::test]
async fn a_capture_and_a_void_at_once_have_one_outcome() {
    let world = World::of(Plan { unlocked: true, ..Plan::default() }).await;
    let charge = world.charge(1000, true).await.id;
    let terms = world.terms();
    let (captured, voided) = tokio::join!(
        world.shop.capture_charge(charge, 0, 0, &terms),
        world.shop.void_charge(charge, 0, &terms)
    );
    assert!(captured.is_ok() != voided.is_ok(), "{captured:?} {voided:?}");
    world.assert_consistent().await;
}

fn never_later(plain: Capabilities) -> Capabilities {
    Capabilities { capture_later: false, ..plain }
}

#[tokio::test]
async fn a_gateway_that_cannot_capture_later_is_not_asked_to() {
    let world = World::of(Plan { capabilities: Some(never_later), ..Plan::default() }).await;
    let answer = world.shop.new_charge(new_charge(1000, true, "tok_ok"), &world.terms()).await;
    assert_eq!(reason(answer), "PROVIDER_CANT");
    assert_eq!(world.wire.asked("charge"), 0);
}
