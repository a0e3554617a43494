//! The operator's desk: what is listed, and whose word counts.

use digota_core::Error;
use digota_core::id::AttemptId;
use digota_core::order::{Order, OrderStatus};
use digota_core::payment::ChargeStatus;
use digota_core::payment::attempt::{AttemptState, Verdict};
use digota_core::port::Gateway;
use digota_core::port::gateway::{Lookup, Op, Outcome};
use digota_core::shop::desk::View;
use digota_core::testing::gateway::Act;

use super::world::{Plan, World, is_pending, reason, settle, usd};

/// An order whose payment is unknown, and the attempt.
async fn unknown(world: &World, token: &str) -> (Order, AttemptId) {
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, token).await));
    let attempt = world.order_now(order.id).await.open_attempt.unwrap();
    assert_eq!(world.attempt_now(attempt).await.state, AttemptState::Unknown);
    (order, attempt)
}

async fn listed(world: &World, view: View) -> Vec<AttemptId> {
    let (attempts, next) = world.shop.payments(view, 0, "").await.unwrap();
    assert_eq!(next, "");
    attempts.iter().map(|attempt| attempt.id).collect()
}

#[tokio::test]
async fn attempts_are_listed_by_what_they_need_and_counted() {
    let world = World::new().await;
    let (_, lost) = unknown(&world, "tok_lose_after").await;
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_pending").await));
    let pending = world.order_now(order.id).await.open_attempt.unwrap();
    world.paid(1).await;
    assert_eq!(listed(&world, View::Open).await, [lost, pending]);
    assert_eq!(listed(&world, View::Unknown).await, [lost]);
    assert_eq!(listed(&world, View::Review).await, []);
    let (first, next) = world.shop.payments(View::Open, 1, "").await.unwrap();
    let (second, end) = world.shop.payments(View::Open, 1, &next).await.unwrap();
    assert_eq!((first[0].id, second[0].id, end.as_str()), (lost, pending, ""));
    let other = world.shop.payments(View::Unknown, 1, &next).await;
    assert!(matches!(other, Err(Error::Invalid(_))), "{other:?}");
    let stats = world.shop.stats().await.unwrap();
    assert_eq!((stats.open, stats.unknown, stats.review), (2, 1, 0));
    assert_eq!(stats.oldest_unknown, Some(first[0].created));
    assert_eq!((stats.products, stats.skus, stats.charges), (1, 2, 3));
    let paid = stats.orders.iter().find(|(status, _)| *status == OrderStatus::Paid);
    assert_eq!(paid.unwrap().1, 1);
    assert_eq!(stats.events, world.shop.last_event().await.unwrap());
}

#[tokio::test]
async fn the_gateway_is_asked_at_once_whenever_it_is_due() {
    let world = World::new().await;
    let (order, attempt) = unknown(&world, "tok_lose_after").await;
    let settled = world.shop.settle_payment(&settle(attempt, Verdict::AskGateway)).await.unwrap();
    assert_eq!(settled.state, AttemptState::Succeeded);
    assert_eq!((settled.remarks.len(), settled.remarks[0].by.as_str()), (1, "ada"));
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_changes_nothing_and_leaves_one_trace() {
    let world = World::new().await;
    let (_, attempt) = unknown(&world, "tok_lose_after").await;
    world.wire.blind(true);
    for _ in 0..3 {
        let silent = world.shop.settle_payment(&settle(attempt, Verdict::AskGateway)).await;
        assert!(matches!(silent, Err(Error::Unavailable { .. })), "{silent:?}");
    }
    let open = world.attempt_now(attempt).await;
    assert_eq!((open.state, open.remarks.len()), (AttemptState::Unknown, 1));
    world.wire.blind(false);
    world.settle().await;
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_payment_that_somebody_waits_for_is_left_to_them() {
    let world = World::new().await;
    let order = world.order(1).await;
    world.wire.hold(true);
    let terms = world.terms();
    let paying = world.shop.pay(super::world::pay(order.id, "tok_ok"), &terms);
    let operator = async {
        world.wire.reached().await;
        let open = world.order_now(order.id).await.open_attempt.unwrap();
        for verdict in [Verdict::AskGateway, Verdict::Failed, Verdict::Succeeded] {
            let busy = world.shop.settle_payment(&settle(open, verdict)).await;
            assert!(matches!(busy, Err(Error::Busy { .. })), "{busy:?}");
        }
        world.wire.hold(false);
    };
    let (answer, ()) = tokio::join!(paying, operator);
    assert_eq!(answer.unwrap().order.status, OrderStatus::Paid);
}

#[tokio::test]
async fn a_person_is_believed_where_the_gateway_says_nothing() {
    for (verdict, status) in
        [(Verdict::Succeeded, OrderStatus::Paid), (Verdict::Failed, OrderStatus::Created)]
    {
        let world = World::new().await;
        let (order, attempt) = unknown(&world, "tok_lose_before").await;
        world.wire.blind(true);
        let settled = world.shop.settle_payment(&settle(attempt, verdict)).await.unwrap();
        assert!(settled.state.is_final() && !settled.review, "{settled:?}");
        let remark = &settled.remarks[0];
        assert_eq!((remark.by.as_str(), remark.verdict), ("ada", verdict));
        assert_eq!((remark.note.as_str(), remark.at), ("seen at the gateway", settled.updated));
        let after = world.order_now(order.id).await;
        assert_eq!((after.status, after.open_attempt), (status, None));
        let charge = world.charge_now(settled.charge).await;
        assert_eq!(charge.status == ChargeStatus::Succeeded, verdict == Verdict::Succeeded);
        if verdict == Verdict::Succeeded {
            assert_eq!((charge.provider_charge_id.as_str(), world.stock().await), ("ch_by_hand", (8, 0)));
        } else {
            assert_eq!(world.stock().await, (10, 0));
        }
        let told = world.summary_of_last_event(charge.id).await;
        let word = |name: &str| told[name].as_str().unwrap().to_owned();
        assert_eq!((word("by"), word("verdict")), ("ada".into(), verdict.name().into()));
        assert_eq!(word("note"), "seen at the gateway");
    }
}

#[tokio::test]
async fn the_gateway_is_believed_where_it_says_the_opposite() {
    let world = World::new().await;
    let (_, done) = unknown(&world, "tok_lose_after").await;
    let refused = world.shop.settle_payment(&settle(done, Verdict::Failed)).await;
    assert_eq!(reason(refused), "GATEWAY_DISAGREES");
    let order = world.order(1).await;
    assert!(is_pending(world.pay(order.id, "tok_pending").await));
    let open = world.order_now(order.id).await.open_attempt.unwrap();
    let refused = world.shop.settle_payment(&settle(open, Verdict::Succeeded)).await;
    assert_eq!(reason(refused), "GATEWAY_DISAGREES");
    world.wire.gateway.settle(open.0, Outcome::Canceled);
    let refused = world.shop.settle_payment(&settle(open, Verdict::Succeeded)).await;
    assert_eq!(reason(refused), "GATEWAY_DISAGREES");
    world.settle().await;
    world.assert_consistent().await;
}

/// Said too early, it would be false a moment later.
#[tokio::test]
async fn what_a_person_says_failed_is_made_impossible_first() {
    let world = World::new().await;
    let (order, attempt) = unknown(&world, "tok_late").await;
    world.shop.settle_payment(&settle(attempt, Verdict::Failed)).await.unwrap();
    assert_eq!(world.wire.asked("cancel"), 1);
    world.wire.deliver().await;
    assert_eq!(world.wire.gateway.moved(), 0);
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Created);
    world.assert_consistent().await;
}

#[tokio::test]
async fn of_another_amount_a_person_can_say_only_that_it_was_undone() {
    let world = World::new().await;
    *world.wire.lie.lock().unwrap() = Some(5);
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_ok").await));
    let attempt = world.order_now(order.id).await.open_attempt.unwrap();
    let refused = world.shop.settle_payment(&settle(attempt, Verdict::Succeeded)).await;
    assert_eq!(reason(refused), "GATEWAY_DISAGREES");
    let settled = world.shop.settle_payment(&settle(attempt, Verdict::Failed)).await.unwrap();
    assert_eq!(settled.state, AttemptState::NotExecuted);
    assert_eq!(
        (world.order_now(order.id).await.status, world.stock().await),
        (OrderStatus::Created, (10, 0))
    );
}

#[tokio::test]
async fn what_is_settled_stays_settled_and_leaves_the_review_list_by_a_persons_word() {
    let world = World::of(Plan {
        capabilities: Some(|plain| digota_core::port::gateway::Capabilities { cancel: false, ..plain }),
        ..Plan::default()
    })
    .await;
    let (_, attempt) = unknown(&world, "tok_late").await;
    let early = world.shop.settle_payment(&settle(attempt, Verdict::Reviewed)).await;
    assert_eq!(reason(early), "PAYMENT_IN_PROGRESS");
    world.settle().await;
    for verdict in [Verdict::Succeeded, Verdict::Failed] {
        assert_eq!(reason(world.shop.settle_payment(&settle(attempt, verdict)).await), "PAYMENT_SETTLED");
    }
    let calm = world.shop.settle_payment(&settle(attempt, Verdict::Reviewed)).await;
    assert_eq!(reason(calm), "NOT_IN_REVIEW");
    world.wire.deliver().await;
    let asked = world.shop.settle_payment(&settle(attempt, Verdict::AskGateway)).await.unwrap();
    assert_eq!(listed(&world, View::Review).await, [attempt]);
    let reviewed = world.shop.settle_payment(&settle(attempt, Verdict::Reviewed)).await.unwrap();
    assert_eq!(listed(&world, View::Review).await, []);
    assert_eq!((reviewed.state, reviewed.remarks.len()), (asked.state, 2));
    assert_eq!(world.events_of(asked.charge).await.last().unwrap(), "charge.reviewed");
    assert_eq!(world.summary_of_last_event(asked.charge).await["by"], "ada");
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_verdict_says_who_and_how_they_know_and_of_which_version() {
    let world = World::new().await;
    let (_, attempt) = unknown(&world, "tok_lose_after").await;
    let bare = digota_core::shop::desk::Settle {
        note: " ".into(),
        reference: String::new(),
        ..settle(attempt, Verdict::Succeeded)
    };
    let Err(Error::Invalid(all)) = world.shop.settle_payment(&bare).await else { panic!("it is not enough") };
    let fields: Vec<_> = all.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["note", "provider_reference"]);
    let long = digota_core::shop::desk::Settle { note: "x".repeat(513), ..settle(attempt, Verdict::Failed) };
    assert!(matches!(world.shop.settle_payment(&long).await, Err(Error::Invalid(_))));
    let stale =
        digota_core::shop::desk::Settle { expected_version: 99, ..settle(attempt, Verdict::AskGateway) };
    assert!(matches!(world.shop.settle_payment(&stale).await, Err(Error::Stale { .. })));
    let nobody = settle(AttemptId(uuid::Uuid::from_u128(7)), Verdict::AskGateway);
    assert!(matches!(world.shop.settle_payment(&nobody).await, Err(Error::NotFound { .. })));
}

/// A void that is lost can't be canceled, and a person's word ends it.
#[tokio::test]
async fn a_void_is_settled_by_word_too() {
    let world = World::new().await;
    let charge = world.charge(700, true).await;
    world.wire.gateway.next(Act::LoseBefore);
    assert!(is_pending(world.shop.void_charge(charge.id, 0, &world.terms()).await));
    let open = world.charge_now(charge.id).await.open_attempt.unwrap();
    world.shop.settle_payment(&settle(open, Verdict::Failed)).await.unwrap();
    let charge = world.charge_now(charge.id).await;
    assert_eq!((charge.status, charge.open_attempt), (ChargeStatus::Authorized, None));
    let record = Lookup { attempt: open.0, op: Op::Void, reference: None };
    assert_eq!(world.wire.gateway.find(&record).await.unwrap(), digota_core::port::gateway::Finding::Absent);
    assert_eq!(charge.money, usd(700));
}
