//! Small, repeatable pieces of business, each with the fault that brings mistakes out. A shop that is right comes through all.

use std::time::Duration;

use digota_core::port::gateway::Capabilities;
use digota_core::testing::gateway::Act;
use digota_core::testing::store::Fault;
use digota_oracle::Violation;
use futures_util::future::{join, select};

use crate::bugs::Bug;
use crate::node::Hold;
use crate::world::{COMMITS_BEFORE, Plan, World};

/// A piece of business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// Two nodes begin to pay one order; one of them commits after the other is done.
    LateCommit,
    /// A payment is declined while another one of the same goods is at the gateway, and a third buyer comes.
    DeclineBesideAnother,
    /// The gateway does what it was asked, and its answer is lost.
    LostAnswer,
    /// Two buyers are after the last piece at the same moment.
    LastPiece,
    /// The process dies after the gateway charged, and before that is written.
    DeathAtTheGateway,
    /// The process dies at each commit of a payment and a return, before it or after it.
    DeathAtACommit,
    /// Two nodes pay back parts of one charge at the same moment, and are asked again.
    TwoRefunds,
    /// A process is stopped before it sends a payment, and goes on when everybody has given it up.
    StoppedProcess,
}

/// The first commits of business after which a process dies.
const DEATHS: u64 = 12;
/// The fewest that must come about, of all kinds: else nothing was tried.
const DEATHS_MIN: usize = 16;

impl Workload {
    /// All of them.
    pub const ALL: [Workload; 8] = [
        Workload::LateCommit,
        Workload::DeclineBesideAnother,
        Workload::LostAnswer,
        Workload::LastPiece,
        Workload::DeathAtTheGateway,
        Workload::DeathAtACommit,
        Workload::TwoRefunds,
        Workload::StoppedProcess,
    ];

    /// In words: `late commit`.
    pub fn name(self) -> &'static str {
        match self {
            Workload::LateCommit => "late commit",
            Workload::DeclineBesideAnother => "decline beside another",
            Workload::LostAnswer => "lost answer",
            Workload::LastPiece => "last piece",
            Workload::DeathAtTheGateway => "death at the gateway",
            Workload::DeathAtACommit => "death at a commit",
            Workload::TwoRefunds => "two refunds",
            Workload::StoppedProcess => "stopped process",
        }
    }

    /// Goes through it in a shop with a mistake, or in one that is right; returns what must not be.
    pub async fn run(self, bug: Option<Bug>) -> Vec<Violation> {
        match self {
            Workload::LateCommit => late_commit(bug).await,
            Workload::DeclineBesideAnother => decline_beside_another(bug).await,
            Workload::LostAnswer => lost_answer(bug).await,
            Workload::LastPiece => last_piece(bug).await,
            Workload::DeathAtTheGateway => death_at_the_gateway(bug).await,
            Workload::DeathAtACommit => death_at_a_commit(bug).await,
            Workload::TwoRefunds => two_refunds(bug).await,
            Workload::StoppedProcess => stopped_process(bug).await,
        }
    }
}

/// A shop that is right comes by wherever it is held; a broken one may not.
fn held(came_by: bool, bug: Option<Bug>) {
    assert!(came_by || bug.is_some(), "the shop never came by where it was to be held");
}

async fn world(bug: Option<Bug>, stock: i64) -> World {
    World::of(Plan { bug, stock, ..Plan::default() }).await
}

async fn late_commit(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 10).await;
    let (first, late) = (world.node(), world.node());
    let order = world.order(&first, 1).await;
    late.switch.set(Hold::BeforeCommitA);
    let meanwhile = async {
        held(late.switch.reached().await, bug);
        world.pay(&first, order, "tok_ok", "first").await;
        late.switch.set(Hold::Nowhere);
    };
    join(world.pay(&late, order, "tok_ok", "late"), meanwhile).await;
    world.verdict(&first).await
}

async fn decline_beside_another(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 2).await;
    let (slow, other) = (world.node(), world.node());
    let (one, declined, both) =
        (world.order(&other, 1).await, world.order(&other, 1).await, world.order(&other, 2).await);
    slow.switch.set(Hold::BeforeAnswer);
    let meanwhile = async {
        held(slow.switch.reached().await, bug);
        world.pay(&other, declined, "tok_card_declined", "declined").await;
        world.pay(&other, both, "tok_ok", "both").await;
        slow.switch.set(Hold::Nowhere);
    };
    join(world.pay(&slow, one, "tok_ok", "one"), meanwhile).await;
    world.verdict(&other).await
}

async fn lost_answer(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 10).await;
    let node = world.node();
    let order = world.order(&node, 1).await;
    world.gateway.next(Act::LoseAfter);
    world.insist(&node, order, "tok_ok", "lost").await;
    world.rest(&node).await;
    world.insist(&node, order, "tok_ok", "lost").await;
    world.insist(&node, order, "tok_ok", "another try").await;
    world.verdict(&node).await
}

async fn last_piece(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 1).await;
    let (here, there) = (world.node(), world.node());
    let (mine, yours) = (world.order(&here, 1).await, world.order(&there, 1).await);
    for node in [&here, &there] {
        node.switch.set(Hold::BeforeCommitA);
    }
    let together = async {
        let both = join(here.switch.reached(), there.switch.reached()).await;
        held(both == (true, true), bug);
        // One holds the piece and is at the gateway when the other commits.
        here.switch.set(Hold::BeforeAnswer);
        held(here.switch.held(2).await, bug);
        there.switch.set(Hold::Nowhere);
    };
    let second = async {
        world.pay(&there, yours, "tok_ok", "yours").await;
        here.switch.set(Hold::Nowhere);
    };
    join(join(world.pay(&here, mine, "tok_ok", "mine"), second), together).await;
    world.verdict(&here).await
}

async fn death_at_the_gateway(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 10).await;
    let node = world.node();
    let order = world.order(&node, 1).await;
    node.switch.set(Hold::BeforeAnswer);
    let payment = Box::pin(world.pay(&node, order, "tok_ok", "key"));
    let death = Box::pin(node.switch.reached());
    drop(select(payment, death).await);
    let node = world.restart().await;
    world.insist(&node, order, "tok_ok", "key").await;
    world.verdict(&node).await
}

async fn death_at_a_commit(bug: Option<Bug>) -> Vec<Violation> {
    let (mut all, mut deaths) = (Vec::new(), 0);
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::UnknownBefore, Fault::UnknownAfter] {
        for number in COMMITS_BEFORE + 2..COMMITS_BEFORE + 2 + DEATHS {
            let (died, found) = death_at(bug, number, fault).await;
            deaths += usize::from(died);
            all.extend(found);
        }
    }
    assert!(deaths >= DEATHS_MIN, "only {deaths} deaths");
    all.sort();
    all.dedup();
    all
}

/// Returns whether it came about, and what must not be.
async fn death_at(bug: Option<Bug>, number: u64, fault: Fault) -> (bool, Vec<Violation>) {
    // The mistake of telling of a change in a commit of its own doubles the count.
    let number = if bug == Some(Bug::EventOutsideCommit) { 2 * number - 1 } else { number };
    let world = World::of(Plan { bug, stock: 10, faults: vec![(number, fault)], ..Plan::default() }).await;
    let mut node = world.node();
    let order = world.order(&node, 1).await;
    for _ in 0..3 {
        world.insist(&node, order, "tok_ok", "pay").await;
        if world.flaky.is_down() {
            node = world.restart().await;
        }
    }
    for _ in 0..3 {
        world.give_back(&node, order, "back").await;
        if world.flaky.is_down() {
            node = world.restart().await;
        }
    }
    let found = world.verdict(&node).await;
    (world.flaky.commits() >= number, found)
}

async fn two_refunds(bug: Option<Bug>) -> Vec<Violation> {
    let world = world(bug, 10).await;
    let (here, there) = (world.node(), world.node());
    let order = world.order(&here, 1).await;
    world.pay(&here, order, "tok_ok", "pay").await;
    here.switch.set(Hold::BeforeAnswer);
    let meanwhile = async {
        held(here.switch.reached().await, bug);
        world.refund(&there, order, 300, "there").await;
        here.switch.set(Hold::Nowhere);
    };
    join(world.refund(&here, order, 300, "here"), meanwhile).await;
    world.rest(&here).await;
    world.refund(&here, order, 300, "here").await;
    world.refund(&there, order, 300, "there").await;
    world.verdict(&here).await
}

async fn stopped_process(bug: Option<Bug>) -> Vec<Violation> {
    let by_look_up_only = |plain| Capabilities { cancel: false, ..plain };
    let plan = Plan { bug, stock: 10, capabilities: Some(by_look_up_only), ..Plan::default() };
    let world = World::of(plan).await;
    let (stopped, other) = (world.node(), world.node());
    let order = world.order(&other, 1).await;
    stopped.switch.set(Hold::AfterCommitA);
    let meanwhile = async {
        held(stopped.switch.reached().await, bug);
        world.clock.advance(Duration::from_secs(120));
        world.rest(&other).await;
        world.pay(&other, order, "tok_ok", "other").await;
        stopped.switch.set(Hold::Nowhere);
    };
    join(world.pay(&stopped, order, "tok_ok", "stopped"), meanwhile).await;
    world.verdict(&other).await
}
