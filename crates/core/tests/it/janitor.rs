//! The janitor: whose attempt it may touch, when, and that two of them come to one conclusion.

use std::time::Duration;

use digota_core::order::OrderStatus;
use digota_core::port::store::{Batch, Concern, Keys, Record, Write};
use digota_core::port::{Clock, Store};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::world::{COMMITS_OF_A_WORLD, Plan, World, is_pending, new_charge, pay};

/// Drops a payment while it waits for the gateway, as a crash does.
async fn die_while_paying(world: &World, order: digota_core::id::OrderId) {
    world.wire.hold(true);
    tokio::select! {
        answer = world.pay(order, "tok_ok") => panic!("{answer:?}"),
        () = world.wire.reached() => {}
    }
    world.wire.hold(false);
}

#[tokio::test]
async fn an_attempt_is_left_alone_while_its_lease_holds() {
    let world = World::new().await;
    let order = world.order(1).await;
    die_while_paying(&world, order.id).await;
    let (attempt, due) = world.next_due().await.unwrap();
    assert!(due >= attempt.sent.after(Duration::from_secs(30)), "longer than the gateway may take");
    let other = world.node(2);
    world.clock.set(due.before(Duration::from_micros(1)));
    assert_eq!(other.janitor_round().await.unwrap().looked, 0);
    world.shop.order(order.id).await.unwrap();
    assert_eq!(world.shop.janitor_round().await.unwrap().looked, 0, "nobody may ask sooner");
    world.clock.set(due);
    assert_eq!(other.janitor_round().await.unwrap().settled, 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_new_process_takes_over_at_once_where_it_is_the_only_one() {
    for shared in [false, true] {
        let world = World::of(Plan { shared, ..Plan::default() }).await;
        let order = world.order(1).await;
        die_while_paying(&world, order.id).await;
        let own = world.shop.adopt_orphans().await.unwrap();
        assert_eq!(own.looked, 0, "its own attempts are no orphans");
        let round = world.node(2).adopt_orphans().await.unwrap();
        assert_eq!((round.looked, round.settled), if shared { (0, 0) } else { (1, 1) });
        world.settle().await;
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn an_attempt_that_only_a_later_digota_can_read_is_left_to_it() {
    let world = World::new().await;
    let order = world.order(1).await;
    die_while_paying(&world, order.id).await;
    let (_, due) = world.next_due().await.unwrap();
    let id = Uuid::from_u128(7);
    let keys = Keys::Attempt { subject: id, due: Some(Timestamp(1)), concern: Concern::None };
    let body = r#"{"id":"00000000-0000-0000-0000-000000000007","effect":"teleport"}"#.to_owned();
    let (created, updated) = (Timestamp(1), Timestamp(1));
    let later = Write::Insert(Record { id, version: 1, created, updated, keys, body });
    world.flaky.commit(Batch { operation: id, at: created, writes: vec![later] }).await.unwrap();
    world.clock.set(due);
    let round = world.node(2).janitor_round().await.unwrap();
    assert_eq!((round.looked, round.settled), (1, 1), "what it can read is settled");
}

/// More than one round takes.
const MANY: usize = 600;

/// A crash with many payments under way, none of which has reached the gateway.
async fn die_with_many_under_way(world: &World) {
    world.wire.hold(true);
    let charges = (0..MANY)
        .map(|_| async { world.shop.new_charge(new_charge(700, false, "tok_ok"), &world.terms()).await });
    let all_on_their_way = async {
        while world.wire.asked("charge") < MANY {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answers = futures_util::future::join_all(charges) => panic!("{answers:?}"),
        () = all_on_their_way => {}
    }
    world.wire.hold(false);
}

#[tokio::test]
async fn a_new_process_takes_over_more_orphans_than_one_round_looks_at() {
    let world = World::new().await;
    die_with_many_under_way(&world).await;
    let round = world.node(2).adopt_orphans().await.unwrap();
    assert_eq!((round.looked, round.settled, round.failed), (MANY, MANY, 0));
    world.assert_consistent().await;
    assert_eq!(world.all_charges().await.len(), MANY);
}

#[tokio::test]
async fn orphans_that_the_gateway_says_nothing_about_come_up_by_their_schedule() {
    let world = World::new().await;
    die_with_many_under_way(&world).await;
    world.wire.blind(true);
    let next = world.node(2);
    let round = next.adopt_orphans().await.unwrap();
    assert_eq!((round.settled, round.failed), (0, 0));
    assert!(round.looked < MANY, "a start does not ask a gateway that is away for all of them: {round:?}");
    world.wire.blind(false);
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(120));
        assert_eq!(next.janitor_round().await.unwrap().failed, 0);
    }
    world.assert_consistent().await;
}

#[tokio::test]
async fn two_janitors_on_one_attempt_come_to_one_conclusion() {
    for seed in 0..20 {
        let world = World::of(Plan { seed: Some(seed), unlocked: true, ..Plan::default() }).await;
        let order = world.order(1).await;
        assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
        let (_, due) = world.next_due().await.unwrap();
        world.clock.set(world.clock.now().max(due));
        let other = world.node(2);
        let (a, b) = tokio::join!(world.shop.janitor_round(), other.janitor_round());
        assert_eq!((a.unwrap().failed, b.unwrap().failed), (0, 0));
        assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn the_pauses_between_looks_rise() {
    let world = World::new().await;
    let order = world.order(1).await;
    let terms = world.patient();
    world.shop.pay(pay(order.id, "tok_pending"), &terms).await.unwrap();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let (_, due) = world.next_due().await.unwrap();
        pauses.push(due.since(world.clock.now()).as_secs());
        world.janitor().await;
    }
    assert_eq!(pauses, [2, 10, 60, 300, 1800, 7200, 21_600, 86_400, 86_400, 86_400]);
}

#[tokio::test]
async fn who_reads_an_order_has_it_looked_at_sooner_but_not_all_the_time() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.shop.pay(pay(order.id, "tok_pending"), &world.patient()).await.unwrap();
    for _ in 0..5 {
        world.janitor().await;
    }
    world.order_now(order.id).await;
    assert_eq!(world.shop.janitor_round().await.unwrap().looked, 0, "it was looked at a moment ago");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.shop.janitor_round().await.unwrap().looked, 0, "nobody asked since");
    world.order_now(order.id).await;
    assert_eq!(world.shop.janitor_round().await.unwrap().looked, 1);
}

#[tokio::test]
async fn keys_are_kept_while_their_attempt_is_open_and_dropped_three_days_later() {
    let world = World::new().await;
    let (open, paid) = (world.order(1).await, world.order(1).await);
    assert!(is_pending(world.shop.pay(pay(open.id, "tok_pending"), &world.keyed("open")).await));
    world.shop.pay(pay(paid.id, "tok_ok"), &world.keyed("paid")).await.unwrap();
    world.clock.advance(Duration::from_secs(71 * 3600));
    world.shop.purge().await.unwrap();
    assert!(world.key("paid").await.is_some());
    world.clock.advance(Duration::from_secs(2 * 3600));
    world.shop.purge().await.unwrap();
    assert!(world.key("paid").await.is_none());
    assert!(world.key("open").await.is_some());
}

#[tokio::test]
async fn one_attempt_that_cannot_be_looked_at_keeps_nobody_waiting() {
    let world = World::new().await;
    let (stuck, other) = (world.order(1).await, world.order(1).await);
    world.shop.pay(pay(stuck.id, "tok_pending"), &world.patient()).await.unwrap();
    world.shop.pay(pay(other.id, "tok_lose_after"), &world.patient()).await.unwrap();
    world.clock.advance(Duration::from_secs(5));
    let round = world.shop.janitor_round().await.unwrap();
    assert_eq!((round.looked, round.settled, round.failed), (2, 1, 0));
    assert_eq!(world.order_now(other.id).await.status, OrderStatus::Paid);
}

#[tokio::test]
async fn a_clock_that_jumps_back_breaks_nothing() {
    let world = World::new().await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_lose_after").await));
    world.clock.set(world.clock.now().before(Duration::from_secs(3600)));
    let round = world.shop.janitor_round().await.unwrap();
    assert_eq!(round.looked, 0);
    world.settle().await;
    let order = world.order_now(order.id).await;
    assert_eq!(order.status, OrderStatus::Paid);
    assert!(order.updated >= order.created);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_whose_process_was_stopped_is_not_sent_any_more() {
    // Beyond the time that the gateway may take, and within the lease: another node is about to take the attempt over.
    let after_commit_a = COMMITS_OF_A_WORLD + 2;
    let world =
        World::of(Plan { nap: Some((after_commit_a, Duration::from_secs(45))), ..Plan::default() }).await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_ok").await));
    assert_eq!(world.wire.asked("charge"), 0);
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    world.assert_consistent().await;
    assert_eq!(world.pay(order.id, "tok_ok").await.unwrap().order.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_that_outlives_its_lease_ends_once_and_well() {
    for seed in 0..400 {
        let world = World::of(Plan { seed: Some(seed), unlocked: true, ..Plan::default() }).await;
        let order = world.order(1).await;
        world.wire.hold_at("answer");
        let janitor = async {
            world.wire.reached().await;
            world.clock.advance(Duration::from_secs(70));
            world.shop.janitor_round().await
        };
        let answer = async {
            world.wire.reached().await;
            for _ in 0..seed % 40 {
                tokio::task::yield_now().await;
            }
            world.wire.hold(false);
        };
        let (paid, round, ()) = tokio::join!(world.pay(order.id, "tok_ok"), janitor, answer);
        assert_eq!(paid.unwrap().order.status, OrderStatus::Paid, "seed {seed}");
        assert_eq!(round.unwrap().failed, 0, "seed {seed}");
        world.assert_consistent().await;
    }
}
