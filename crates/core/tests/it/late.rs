//! Money that comes for payments that were given up, and refunds that fail after they were done.

use digota_core::order::{Order, OrderStatus};
use digota_core::payment::attempt::{AttemptState, Verdict};
use digota_core::payment::decline::{Advice, Decline, DeclineCode};
use digota_core::payment::{Attempt, Charge, ChargeStatus, RefundReason, RefundStatus};
use digota_core::port::Gateway;
use digota_core::port::gateway::{Call, Capabilities, Op, Outcome};
use digota_core::shop::desk::View;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::testing::gateway::{Act, Seen};
use digota_core::testing::store::Fault;
use digota_core::{Error, Result};

use super::world::{Plan, World, is_pending, new_charge, settle};

fn without_cancel(plain: Capabilities) -> Capabilities {
    Capabilities { cancel: false, ..plain }
}

async fn world() -> World {
    World::of(Plan { capabilities: Some(without_cancel), ..Plan::default() }).await
}

/// An order of two pieces whose payment was given up while its money is still on its way.
async fn given_up(world: &World) -> (Order, Attempt) {
    let order = world.order(2).await;
    assert!(is_pending(world.pay(order.id, "tok_late").await));
    let open = world.order_now(order.id).await.open_attempt.unwrap();
    world.settle().await;
    let attempt = world.attempt_now(open).await;
    assert_eq!((attempt.state, world.stock().await), (AttemptState::NotExecuted, (10, 0)));
    (world.order_now(order.id).await, attempt)
}

/// The money arrives, somebody asks, and the janitor does what is to be done.
async fn arrives(world: &World, attempt: &Attempt) -> (Attempt, Charge) {
    world.wire.deliver().await;
    world.shop.settle_payment(&settle(attempt.id, Verdict::AskGateway)).await.unwrap();
    world.settle().await;
    world.assert_verified().await;
    (world.attempt_now(attempt.id).await, world.charge_now(attempt.charge).await)
}

async fn in_review(world: &World) -> Vec<Attempt> {
    world.shop.payments(View::Review, 0, "").await.unwrap().0
}

fn is_given_back(charge: &Charge) -> bool {
    charge.status == ChargeStatus::Succeeded && charge.refunded == charge.money.amount
}

#[tokio::test]
async fn it_pays_the_order_if_that_can_still_be_paid() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    let (attempt, charge) = arrives(&world, &attempt).await;
    let paid = world.order_now(order.id).await;
    assert_eq!((paid.status, paid.charge), (OrderStatus::Paid, Some(charge.id)));
    assert_eq!((charge.status, world.stock().await), (ChargeStatus::Succeeded, (8, 0)));
    assert_eq!(in_review(&world).await, [attempt]);
    assert_eq!(world.events_of(order.id).await.last().unwrap(), "order.paid");
    assert_eq!(world.events_of(charge.id).await, ["charge.pending", "charge.failed", "charge.succeeded"]);
    world.assert_consistent().await;
    let back = Return {
        order: order.id,
        goods: Vec::new(),
        amount: 0,
        reason: RefundReason::default(),
        restock: true,
        expected_version: 0,
    };
    world.shop.return_order(back, &world.terms()).await.unwrap();
    assert_eq!(world.stock().await, (10, 0));
    world.assert_consistent().await;
}

#[tokio::test]
async fn it_pays_also_an_order_that_has_expired_or_whose_goods_are_not_on_sale_any_more() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    world.clock.advance(std::time::Duration::from_secs(24 * 3600));
    world.change_sku(digota_core::sku::SkuChange { active: Some(false), ..Default::default() }).await;
    arrives(&world, &attempt).await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}

#[tokio::test]
async fn it_goes_back_if_the_order_was_paid_meanwhile() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    let paid = world.pay(order.id, "tok_ok").await.unwrap().order;
    let (attempt, charge) = arrives(&world, &attempt).await;
    assert!(is_given_back(&charge), "{charge:?}");
    assert!(attempt.given_back.is_some() && attempt.review);
    assert_eq!(world.order_now(order.id).await, paid, "the order has nothing to do with it");
    let told = ["charge.pending", "charge.failed", "charge.arrived_late", "charge.refunded"];
    assert_eq!(world.events_of(charge.id).await, told);
    assert_eq!(world.wire.gateway.moved(), i128::from(order.money.amount));
    world.assert_consistent().await;
    assert!(is_given_back(&arrives(&world, &attempt).await.1), "asked again, nothing more happens");
    assert_eq!(world.wire.asked("refund"), 1);
}

#[tokio::test]
async fn it_goes_back_if_the_order_was_given_up_or_its_goods_are_gone() {
    for spoil in ["cancel", "sell", "delete"] {
        let world = world().await;
        let (order, attempt) = given_up(&world).await;
        let terms = world.terms();
        match spoil {
            "cancel" => drop(world.shop.cancel_order(order.id, "", 0, &terms).await.unwrap()),
            "sell" => drop(world.paid(9).await),
            _ => world.shop.delete_sku(world.skus[0], &terms).await.unwrap(),
        }
        let before = world.order_now(order.id).await;
        let (_, charge) = arrives(&world, &attempt).await;
        assert!(is_given_back(&charge), "{spoil}: {charge:?}");
        assert_eq!(world.order_now(order.id).await, before, "{spoil}");
        if spoil != "delete" {
            world.assert_consistent().await;
        }
    }
}

#[tokio::test]
async fn it_goes_back_while_another_payment_of_the_order_is_under_way() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    assert!(is_pending(world.pay(order.id, "tok_pending").await));
    let other = world.order_now(order.id).await.open_attempt.unwrap();
    world.wire.deliver().await;
    world.shop.settle_payment(&settle(attempt.id, Verdict::AskGateway)).await.unwrap();
    assert_eq!(world.order_now(order.id).await.open_attempt, Some(other));
    world.wire.gateway.settle(other.0, Outcome::Succeeded);
    world.settle().await;
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    assert!(is_given_back(&world.charge_now(attempt.charge).await));
    world.assert_consistent().await;
}

#[tokio::test]
async fn money_of_a_charge_of_its_own_goes_back() {
    let world = world().await;
    let answer = world.shop.new_charge(new_charge(700, false, "tok_late"), &world.terms()).await;
    let Err(Error::Pending { charge: Some(charge) }) = answer else { panic!("{answer:?}") };
    let open = world.charge_now(charge).await.open_attempt.unwrap();
    world.settle().await;
    let attempt = world.attempt_now(open).await;
    let (_, charge) = arrives(&world, &attempt).await;
    assert!(is_given_back(&charge), "{charge:?}");
    world.assert_consistent().await;
}

#[tokio::test]
async fn money_that_is_only_held_is_let_go() {
    let world = world().await;
    let answer = world.shop.new_charge(new_charge(700, true, "tok_late"), &world.terms()).await;
    let Err(Error::Pending { charge: Some(charge) }) = answer else { panic!("{answer:?}") };
    let open = world.charge_now(charge).await.open_attempt.unwrap();
    world.settle().await;
    let (attempt, charge) = arrives(&world, &world.attempt_now(open).await).await;
    assert_eq!((charge.status, attempt.review), (ChargeStatus::Canceled, true));
    world.assert_consistent().await;
}

/// The sender itself hears of it: it was stopped so long that its payment was given up meanwhile.
#[tokio::test]
async fn an_answer_that_comes_after_its_payment_was_given_up_pays_too() {
    let world = world().await;
    let (answer, _) = overslept(&world).await;
    assert_eq!(answer.unwrap().order.status, OrderStatus::Paid);
    assert_eq!(in_review(&world).await.len(), 1);
    world.assert_consistent().await;
}

/// Nobody may be told that an order is paid by money that goes back.
#[tokio::test]
async fn whoever_waits_for_money_that_goes_back_is_told_that_nothing_was_paid() {
    let world = world().await;
    let order = world.order(2).await;
    world.wire.hold_at("charge");
    let terms = world.terms();
    let paying = world.shop.pay(super::world::pay(order.id, "tok_ok"), &terms);
    let others = async {
        world.wire.reached().await;
        world.settle().await;
        world.shop.cancel_order(order.id, "", 0, &world.terms()).await.unwrap();
        world.wire.hold(false);
    };
    let (answer, ()) = tokio::join!(paying, others);
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    world.settle().await;
    assert!(is_given_back(&world.charges_of(order.id).await[0]));
    world.assert_consistent().await;
}

#[tokio::test]
async fn what_goes_back_is_sent_until_the_gateway_answers() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    world.shop.cancel_order(order.id, "", 0, &world.terms()).await.unwrap();
    let mut acts = [Act::NeverSend, Act::LoseBefore, Act::NeverSend].into_iter();
    world.wire.gateway.on(move |seen: &Seen| {
        let act = (seen.op == Op::Refund).then(|| acts.next()).flatten();
        act.map(Into::into)
    });
    let (_, charge) = arrives(&world, &attempt).await;
    assert!(is_given_back(&charge), "{charge:?}");
    assert_eq!(world.wire.asked("refund"), 4);
    world.assert_consistent().await;
}

#[tokio::test]
async fn what_the_gateway_does_not_take_back_is_for_a_person() {
    let world = world().await;
    let (order, attempt) = given_up(&world).await;
    world.shop.cancel_order(order.id, "", 0, &world.terms()).await.unwrap();
    world.wire.gateway.on(|seen: &Seen| {
        (seen.op == Op::Refund).then_some(Act::Decline(DeclineCode::RefundNotAllowed).into())
    });
    world.wire.deliver().await;
    world.shop.settle_payment(&settle(attempt.id, Verdict::AskGateway)).await.unwrap();
    world.settle().await;
    let attempt = world.attempt_now(attempt.id).await;
    let charge = world.charge_now(attempt.charge).await;
    let report = digota_verify::verify(world.flaky.inner()).await.unwrap();
    assert!(report.violations.iter().any(|breach| breach.rule.name == "paid-if-taken"), "the shop owes it");
    assert_eq!((charge.refunded, charge.refunds[0].status), (0, RefundStatus::Failed));
    let review: Vec<_> = in_review(&world).await.iter().map(|attempt| attempt.id).collect();
    assert_eq!(review, [attempt.id, attempt.given_back.unwrap()]);
    assert_eq!(world.events_of(charge.id).await.last().unwrap(), "charge.refund_failed");
    // The person pays it back by hand, and the order is left alone.
    world.wire.gateway.on(|_| None);
    let refund =
        RefundCharge { charge: charge.id, amount: 0, reason: RefundReason::default(), expected_version: 0 };
    assert!(is_given_back(&world.shop.refund_charge(refund, &world.terms()).await.unwrap()));
    assert_eq!(world.order_now(order.id).await.refunded, 0);
    world.assert_consistent().await;
    world.assert_verified().await;
}

/// A refund of everything, done; and what the gateway later says of it.
async fn fails_later(outcome: Outcome, back: impl AsyncFn(&World, &Order) -> Result<()>) -> (World, Order) {
    let world = world().await;
    let order = world.paid(2).await;
    back(&world, &order).await.unwrap();
    let charge = world.charge_now(order.charge.unwrap()).await;
    let refund = world.wire.gateway.seen().last().unwrap().attempt;
    world.wire.gateway.reverse(refund, outcome);
    let refund = digota_core::id::AttemptId(refund);
    let asked = world.shop.settle_payment(&settle(refund, Verdict::AskGateway)).await.unwrap();
    assert!(asked.review && asked.state != AttemptState::Succeeded, "{asked:?}");
    assert_eq!(in_review(&world).await, [asked]);
    let after = world.charge_now(charge.id).await;
    assert_eq!((after.refunded, after.refunds[0].status), (0, RefundStatus::Failed));
    assert_eq!(world.events_of(charge.id).await.last().unwrap(), "charge.refund_failed");
    world.assert_consistent().await;
    world.assert_verified().await;
    (world, order)
}

fn not_allowed() -> Outcome {
    let code = DeclineCode::RefundNotAllowed;
    Outcome::Declined(Decline { code, raw: String::new(), advice: Advice::Never })
}

#[tokio::test]
async fn a_refund_that_the_gateway_fails_later_can_be_made_again() {
    for outcome in [not_allowed(), Outcome::Canceled] {
        let refund = async |world: &World, order: &Order| {
            let charge = order.charge.unwrap();
            let refund =
                RefundCharge { charge, amount: 0, reason: RefundReason::default(), expected_version: 0 };
            world.shop.refund_charge(refund, &world.terms()).await.map(drop)
        };
        let (world, order) = fails_later(outcome, refund).await;
        assert_eq!(world.order_now(order.id).await.refunded, 0);
        assert_eq!(world.events_of(order.id).await.last().unwrap(), "order.refund_failed");
        refund(&world, &order).await.unwrap();
        assert_eq!(world.order_now(order.id).await.refunded, order.money.amount);
        world.assert_consistent().await;
    }
}

#[tokio::test]
async fn goods_that_came_back_stay_back_though_their_refund_fails_later() {
    let give_back = async |world: &World, order: &Order| {
        let back = Return {
            order: order.id,
            goods: Vec::new(),
            amount: 0,
            reason: RefundReason::default(),
            restock: true,
            expected_version: 0,
        };
        world.shop.return_order(back, &world.terms()).await.map(drop)
    };
    let (world, order) = fails_later(not_allowed(), give_back).await;
    let order = world.order_now(order.id).await;
    assert_eq!((order.status, order.refunded), (OrderStatus::Canceled, 0));
    assert_eq!(world.stock().await, (10, 0));
}

#[tokio::test]
async fn a_refund_that_fails_once_its_caller_has_gone_is_for_a_person() {
    let world = World::new().await;
    let charge = world.charge(700, false).await;
    world.wire.gateway.next(Act::Pend);
    let refund =
        RefundCharge { charge: charge.id, amount: 0, reason: RefundReason::default(), expected_version: 0 };
    world.shop.refund_charge(refund, &world.patient()).await.unwrap();
    let open = world.charge_now(charge.id).await.open_attempt.unwrap();
    world.wire.gateway.settle(open.0, not_allowed());
    world.settle().await;
    assert_eq!(world.charge_now(charge.id).await.refunds[0].status, RefundStatus::Failed);
    assert_eq!(in_review(&world).await.len(), 1);
    // Who hears it at once needs nobody else.
    world.wire.gateway.next(Act::Decline(DeclineCode::RefundNotAllowed));
    assert!(world.shop.refund_charge(refund, &world.terms()).await.is_err());
    assert_eq!(in_review(&world).await.len(), 1);
    world.assert_consistent().await;
}

#[tokio::test]
async fn a_refund_that_was_given_up_and_happened_is_booked() {
    let world = world().await;
    let order = world.paid(2).await;
    let charge = order.charge.unwrap();
    world.wire.gateway.next(Act::LoseBefore);
    let refund = RefundCharge { charge, amount: 700, reason: RefundReason::default(), expected_version: 0 };
    assert!(is_pending(world.shop.refund_charge(refund, &world.terms()).await));
    let open = world.charge_now(charge).await.open_attempt.unwrap();
    world.settle().await;
    let attempt = world.attempt_now(open).await;
    assert_eq!(attempt.state, AttemptState::NotExecuted);
    let call = Call { attempt: attempt.id.0, key: attempt.key.clone() };
    let reference = world.charge_now(charge).await.provider_charge_id;
    world.wire.gateway.refund(&call, &reference, attempt.money, attempt.reason).await.unwrap();
    let (attempt, charge) = arrives(&world, &attempt).await;
    assert_eq!((charge.refunded, attempt.review), (700, true));
    assert_eq!(world.order_now(order.id).await.refunded, 700);
    world.assert_consistent().await;
}

/// A payment whose sender is stopped before it sends, until the payment was given up. Returns the answer, and how many commits
/// there were before the sender went on.
async fn overslept(world: &World) -> (Result<digota_core::shop::Paid>, u64) {
    let order = world.order(2).await;
    world.wire.hold_at("charge");
    let terms = world.terms();
    let paying = world.shop.pay(super::world::pay(order.id, "tok_ok"), &terms);
    let others = async {
        world.wire.reached().await;
        world.settle().await;
        world.wire.hold(false);
        world.flaky.commits()
    };
    tokio::join!(paying, others)
}

#[tokio::test]
async fn late_news_that_could_not_be_written_is_asked_for_again() {
    let (_, before) = overslept(&world().await).await;
    let plan = Plan {
        capabilities: Some(without_cancel),
        faults: vec![(before + 1, Fault::Unavailable)],
        ..Plan::default()
    };
    let world = World::of(plan).await;
    let (answer, _) = overslept(&world).await;
    assert!(is_pending(answer), "it is not known yet");
    let order = world.all_orders().await.remove(0);
    assert_eq!(order.status, OrderStatus::Created);
    world.shop.janitor_round().await.unwrap();
    assert_eq!(world.order_now(order.id).await.status, OrderStatus::Paid);
    world.assert_consistent().await;
}
