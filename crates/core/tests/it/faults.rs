//! Every commit of every flow fails in every way, and nothing is lost, doubled or left in limbo.

use digota_core::id::{ChargeId, OrderId};
use digota_core::order::OrderStatus;
use digota_core::payment::{ChargeStatus, RefundReason};
use digota_core::port::gateway::{Capabilities, Op};
use digota_core::shop::Terms;
use digota_core::shop::payments::RefundCharge;
use digota_core::shop::returns::Return;
use digota_core::testing::gateway::{Act, Seen};
use digota_core::testing::store::Fault;
use digota_core::{Error, Result};

use super::world::{COMMITS_OF_A_WORLD, Dice, Plan, World, draft, new_charge, pay};

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
}

const FLOWS: [Flow; 15] = [
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
];

/// What a flow is about, as far as it was there before.
#[derive(Clone, Copy)]
struct Subject {
    order: Option<OrderId>,
    charge: Option<ChargeId>,
}

fn two_steps(plain: Capabilities) -> Capabilities {
    Capabilities { two_step: true, ..plain }
}

impl Flow {
    fn plan(self, faults: Vec<(u64, Fault)>) -> Plan {
        let capabilities = (self == Flow::PayInTwoSteps).then_some(two_steps as fn(_) -> _);
        Plan { faults, capabilities, ..Plan::default() }
    }

    /// How many commits come before the flow.
    fn commits_before(self) -> u64 {
        COMMITS_OF_A_WORLD
            + match self {
                Flow::NewOrder | Flow::Charge => 0,
                Flow::Pay(_) | Flow::PayInTwoSteps => 1,
                Flow::Capture(_) | Flow::Void(_) => 2,
                Flow::Refund(_) | Flow::Return(_) => 3,
            }
    }

    async fn prepare(self, world: &World) -> Subject {
        let subject = match self {
            Flow::NewOrder | Flow::Charge => Subject { order: None, charge: None },
            Flow::Pay(_) | Flow::PayInTwoSteps => {
                Subject { order: Some(world.order(2).await.id), charge: None }
            }
            Flow::Refund(_) | Flow::Return(_) => {
                let order = world.paid(2).await;
                Subject { order: Some(order.id), charge: order.charge }
            }
            Flow::Capture(_) | Flow::Void(_) => {
                Subject { order: None, charge: Some(world.charge(1000, true).await.id) }
            }
        };
        if let Flow::Refund(act) | Flow::Return(act) | Flow::Capture(act) | Flow::Void(act) = self {
            let mut sent = 0;
            world.wire.gateway.on(move |seen: &Seen| {
                sent += 1;
                // Lost once; whoever sends it again gets through.
                (seen.op != Op::Charge && sent == 1).then_some(act.into())
            });
        }
        subject
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
            Flow::Pay(_) | Flow::PayInTwoSteps => {
                world.order_now(subject.order.unwrap()).await.status == OrderStatus::Paid
            }
            Flow::Return(_) => world.order_now(subject.order.unwrap()).await.status == OrderStatus::Canceled,
            Flow::Refund(_) => world.charge_now(subject.charge.unwrap()).await.refunded > 0,
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
    assert_eq!(world.flaky.commits(), flow.commits_before());
    let told = flow.act(&world, subject, &world.keyed("k")).await;
    recover(&world).await;
    let happened = flow.happened(&world, subject).await;
    let true_so_far = match told {
        Ok(()) => happened == 1,
        Err(Error::Declined(_)) => happened == 0,
        // A plain write may have been committed all the same; money has not moved.
        Err(Error::Unavailable { .. }) => happened == 0 || flow == Flow::NewOrder,
        Err(Error::Pending { charge: Some(_) }) => true,
        _ => false,
    };
    assert!(true_so_far, "told {told:?}, and it happened {happened} times");
    for _ in 0..8 {
        let _ = flow.act(&world, subject, &world.keyed("k")).await;
        recover(&world).await;
    }
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
    world.assert_consistent().await;
}

#[tokio::test]
async fn whatever_commit_fails_however_the_end_is_consistent() {
    for flow in FLOWS {
        let last = go_through(flow, Vec::new()).await;
        for number in flow.commits_before() + 1..=last {
            for fault in Fault::ALL {
                println!("{flow:?}: {fault:?} at commit {number}");
                go_through(flow, vec![(number, fault)]).await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_two_commits_fail_however_the_end_is_consistent() {
    for flow in [Flow::Pay("tok_ok"), Flow::Pay("tok_lose_after"), Flow::Return(Act::Succeed)] {
        let first = flow.commits_before() + 1;
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
        let dice = Dice::new(seed);
        let mut faults = Vec::new();
        for number in flow.commits_before() + 1..flow.commits_before() + 15 {
            if dice.roll(3) == 0 {
                faults.push((number, Fault::ALL[usize::try_from(dice.roll(5)).unwrap()]));
            }
        }
        println!("{flow:?}, seed {seed}: {faults:?}");
        go_through(flow, faults).await;
    }
}
