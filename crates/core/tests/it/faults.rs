//! Every commit of every flow fails in every way, and nothing is lost, doubled or left in limbo.

use digota_core::id::{AttemptId, ChargeId, OrderId};
use digota_core::order::OrderStatus;
use digota_core::payment::attempt::Verdict;
use digota_core::payment::{ChargeStatus, RefundReason};
use digota_core::port::gateway::{Capabilities, Op, Outcome};
use digota_core::shop::Terms;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::testing::gateway::{Act, Seen};
use digota_core::testing::store::Fault;
use digota_core::{Error, Result};

use super::world::{Dice, Plan, World, draft, new_charge, pay, settle};

/// What somebody does, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    NewOrder,
    Pay(&'static str),
    PayInTwoSteps,
    Charge,
    Refund(Act),
    Return(Act),
    Capture(Act),
    Void(Act),
    /// Money comes for a payment that was given up, and the order can take it.
    LatePaid,
    /// The same, and the order was canceled.
    LateGivenBack(Act),
    /// A refund that was done fails.
    RefundFallsThrough,
}

const FLOWS: [Flow; 19] = [
    Flow::NewOrder,
    Flow::Pay("tok_ok"),
    Flow::Pay("tok_card_declined"),
    Flow::Pay("tok_lose_after"),
    Flow::Pay("tok_lose_before"),
    Flow::Pay("tok_challenge"),
    Flow::PayInTwoSteps,
    Flow::Charge,
    Flow::Refund(Act::Succeed),
    Flow::Refund(Act::LoseAfter),
    Flow::Return(Act::Succeed),
    Flow::Return(Act::LoseAfter),
    Flow::Capture(Act::Succeed),
    Flow::Void(Act::Succeed),
    Flow::Void(Act::LoseAfter),
    Flow::LatePaid,
    Flow::LateGivenBack(Act::Succeed),
    Flow::LateGivenBack(Act::LoseAfter),
    Flow::RefundFallsThrough,
];

/// What a flow is about, as far as it was there before.
#[derive(Clone, Copy)]
struct Subject {
    order: Option<OrderId>,
    charge: Option<ChargeId>,
    attempt: Option<AttemptId>,
}

fn without_cancel(plain: Capabilities) -> Capabilities {
    Capabilities { cancel: false, ..plain }
}

fn two_steps(plain: Capabilities) -> Capabilities {
    Capabilities { two_step: true, ..plain }
}

impl Flow {
    fn plan(self, faults: Vec<(u64, Fault)>) -> Plan {
        let capabilities = match self {
            Flow::PayInTwoSteps => Some(two_steps as fn(_) -> _),
            Flow::LatePaid | Flow::LateGivenBack(_) => Some(without_cancel as fn(_) -> _),
            _ => None,
        };
        Plan { faults, capabilities, ..Plan::default() }
    }

    /// How many commits come before the flow.
    async fn commits_before(self) -> u64 {
        let world = World::of(self.plan(Vec::new())).await;
        self.prepare(&world).await;
        world.flaky.commits()
    }

    async fn prepare(self, world: &World) -> Subject {
        let nothing = Subject { order: None, charge: None, attempt: None };
        let subject = match self {
            Flow::NewOrder | Flow::Charge => nothing,
            Flow::Pay(_) | Flow::PayInTwoSteps => Subject { order: Some(world.order(2).await.id), ..nothing },
            Flow::Refund(_) | Flow::Return(_) => {
                let order = world.paid(2).await;
                Subject { order: Some(order.id), charge: order.charge, ..nothing }
            }
            Flow::Capture(_) | Flow::Void(_) => {
                Subject { charge: Some(world.charge(1000, true).await.id), ..nothing }
            }
            Flow::LatePaid | Flow::LateGivenBack(_) => self.money_on_its_way(world).await,
            Flow::RefundFallsThrough => {
                let order = world.paid(2).await;
                let charge = order.charge.unwrap();
                world.shop.refund_charge(refund(charge), &world.terms()).await.unwrap();
                let attempt = world.wire.gateway.seen().last().unwrap().attempt;
                world.wire.gateway.reverse(attempt, Outcome::Canceled);
                Subject { order: Some(order.id), charge: order.charge, attempt: Some(AttemptId(attempt)) }
            }
        };
        if let Flow::Refund(act)
        | Flow::Return(act)
        | Flow::Capture(act)
        | Flow::Void(act)
        | Flow::LateGivenBack(act) = self
        {
            let mut sent = 0;
            world.wire.gateway.on(move |seen: &Seen| {
                sent += 1;
                // Lost once; whoever sends it again gets through.
                (seen.op != Op::Charge && sent == 1).then_some(act.into())
            });
        }
        subject
    }

    /// A payment that was given up, and whose money has reached the gateway since.
    async fn money_on_its_way(self, world: &World) -> Subject {
        let order = world.order(2).await;
        assert!(world.pay(order.id, "tok_late").await.is_err());
        let attempt = world.order_now(order.id).await.open_attempt;
        world.settle().await;
        world.wire.deliver().await;
        if self != Flow::LatePaid {
            world.shop.cancel_order(order.id, "", 0, &world.terms()).await.unwrap();
        }
        let charge = Some(world.charges_of(order.id).await[0].id);
        Subject { order: Some(order.id), charge, attempt }
    }

    async fn act(self, world: &World, subject: Subject, terms: &Terms) -> Result<()> {
        let shop = &world.shop;
        let order = || subject.order.unwrap();
        let charge = || subject.charge.unwrap();
        match self {
            Flow::NewOrder => shop.new_order(draft(&[(world.skus[0], 1)]), terms).await.map(drop),
            Flow::Pay(name) => shop.pay(pay(order(), name), terms).await.map(drop),
            Flow::PayInTwoSteps => shop.pay(pay(order(), "tok_ok"), terms).await.map(drop),
            Flow::Charge => shop.new_charge(new_charge(700, false, "tok_ok"), terms).await.map(drop),
            Flow::Refund(_) => shop.refund_charge(refund(charge()), terms).await.map(drop),
            Flow::Return(_) => shop.return_order(give_back(order()), terms).await.map(drop),
            Flow::Capture(_) => shop.capture_charge(charge(), 0, 0, terms).await.map(drop),
            Flow::Void(_) => shop.void_charge(charge(), 0, terms).await.map(drop),
            Flow::LatePaid | Flow::LateGivenBack(_) | Flow::RefundFallsThrough => {
                shop.settle_payment(&settle(subject.attempt.unwrap(), Verdict::AskGateway)).await.map(drop)
            }
        }
    }

    /// How often it happened.
    async fn happened(self, world: &World, subject: Subject) -> usize {
        let done = match self {
            Flow::NewOrder => return world.all_orders().await.len(),
            Flow::Charge => {
                let charges = world.all_charges().await;
                return charges.iter().filter(|charge| charge.status == ChargeStatus::Succeeded).count();
            }
            Flow::Pay(_) | Flow::PayInTwoSteps | Flow::LatePaid => {
                world.order_now(subject.order.unwrap()).await.status == OrderStatus::Paid
            }
            Flow::Return(_) => world.order_now(subject.order.unwrap()).await.status == OrderStatus::Canceled,
            Flow::Refund(_) | Flow::LateGivenBack(_) => {
                world.charge_now(subject.charge.unwrap()).await.refunded > 0
            }
            Flow::RefundFallsThrough => world.charge_now(subject.charge.unwrap()).await.refunded == 0,
            Flow::Capture(_) => {
                world.charge_now(subject.charge.unwrap()).await.status == ChargeStatus::Succeeded
            }
            Flow::Void(_) => world.charge_now(subject.charge.unwrap()).await.status == ChargeStatus::Canceled,
        };
        usize::from(done)
    }

    /// Whether it happens if it is asked for again and again.
    fn happens_in_the_end(self) -> bool {
        !matches!(self, Flow::Pay("tok_card_declined" | "tok_lose_before" | "tok_challenge"))
    }
}

fn refund(charge: ChargeId) -> RefundCharge {
    RefundCharge { charge, amount: 700, reason: RefundReason::default(), expected_version: 0 }
}

fn give_back(order: OrderId) -> Return {
    let reason = RefundReason::default();
    Return { order, goods: Vec::new(), amount: 0, reason, restock: true, expected_version: 0 }
}

/// Goes through a flow with these faults, and asks for it again until it is done. Returns the number of its last commit.
async fn go_through(flow: Flow, faults: Vec<(u64, Fault)>) -> u64 {
    let world = World::of(flow.plan(faults)).await;
    let subject = flow.prepare(&world).await;
    let told = flow.act(&world, subject, &world.keyed("k")).await;
    recover(&world).await;
    // What only the gateway knows can't be right here.
    let may_know_nothing = subject.attempt.is_some();
    if told.is_ok() || !may_know_nothing {
        world.assert_consistent().await;
    }
    let happened = flow.happened(&world, subject).await;
    let true_so_far = match told {
        Ok(()) => happened == 1,
        Err(Error::Declined(_)) => happened == 0,
        // A plain write, or what was learnt, may have been committed all the same; no money was asked for.
        Err(Error::Unavailable { .. }) => {
            happened == 0 || subject.attempt.is_some() || flow == Flow::NewOrder
        }
        Err(Error::Pending { charge: Some(_) }) => true,
        _ => false,
    };
    assert!(true_so_far, "told {told:?}, and it happened {happened} times");
    for _ in 0..8 {
        let told = flow.act(&world, subject, &world.keyed("k")).await;
        recover(&world).await;
        if told.is_ok() || !may_know_nothing {
            world.assert_consistent().await;
        }
    }
    world.assert_verified().await;
    let times = usize::from(flow.happens_in_the_end());
    assert_eq!(flow.happened(&world, subject).await, times, "asked for again and again with one key");
    world.flaky.commits()
}

/// What an operator and the janitor do after a crash.
async fn recover(world: &World) {
    if world.flaky.is_down() {
        world.flaky.revive();
        // May be hit by a fault itself; then the janitor does it when the lease is over.
        let _ = world.node(2).adopt_orphans().await;
    }
    world.settle().await;
}

#[tokio::test]
async fn whatever_commit_fails_however_the_end_is_consistent() {
    for flow in FLOWS {
        let last = go_through(flow, Vec::new()).await;
        for number in flow.commits_before().await + 1..=last {
            for fault in Fault::ALL {
                println!("{flow:?}: {fault:?} at commit {number}");
                go_through(flow, vec![(number, fault)]).await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_two_commits_fail_however_the_end_is_consistent() {
    let late = Flow::LateGivenBack(Act::LoseAfter);
    for flow in [Flow::Pay("tok_ok"), Flow::Pay("tok_lose_after"), Flow::Return(Act::Succeed), late] {
        let first = flow.commits_before().await + 1;
        for (a, b) in (first..first + 4).flat_map(|a| (a + 1..first + 6).map(move |b| (a, b))) {
            for (x, y) in Fault::ALL.into_iter().flat_map(|x| Fault::ALL.map(|y| (x, y))) {
                println!("{flow:?}: {x:?} at commit {a}, {y:?} at commit {b}");
                go_through(flow, vec![(a, x), (b, y)]).await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_commits_fail_by_chance_the_end_is_consistent() {
    for (flow, seed) in FLOWS.into_iter().flat_map(|flow| (0..40).map(move |seed| (flow, seed))) {
        let before = flow.commits_before().await;
        let dice = Dice::new(seed);
        let mut faults = Vec::new();
        for number in before + 1..before + 15 {
            if dice.roll(3) == 0 {
                faults.push((number, Fault::ALL[usize::try_from(dice.roll(5)).unwrap()]));
            }
        }
        println!("{flow:?}, seed {seed}: {faults:?}");
        go_through(flow, faults).await;
    }
}
