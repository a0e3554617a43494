//! One schedule, played: a phase in which things go wrong, then everything is mended and must come to rest.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use digota_core::port::Store;
use digota_core::port::gateway::Outcome as AtGateway;
use digota_core::time::Timestamp;
use digota_oracle::When;
use uuid::Uuid;

use crate::judge::{Breach, judge};
use crate::people::People;
use crate::plan::{Fault, Place, Plan};
use crate::stage::{Stage, at_once, ms};
use crate::world::{MS, Micros, World};

/// How long it goes on after the last thing of a schedule began, before everything is mended.
const AFTERMATH: Micros = 10_000 * MS;

/// How long people may still insist once everything is mended.
const LAST_WORDS: Micros = 400_000 * MS;

/// How long it may take until nothing is open any more, once everything is mended: longer than any clock jumps.
const REST: Micros = 2 * 3600 * 1000 * MS;

/// A world after its end, with everything that a verdict needs.
pub struct Played {
    /// What happened, by whom.
    pub stage: Arc<Stage>,
    /// Who did it.
    pub people: Arc<People>,
    /// How many calls the first node had made when everything was mended.
    pub calls_until_mended: u64,
    /// What was wrong just before.
    pub before_mending: Vec<Breach>,
}

/// Plays a schedule to its end.
pub fn play(plan: &Plan, loud: bool) -> Played {
    let world = World::new(plan.seed, loud);
    let stage = Stage::new(world.clone(), &plan.setup);
    let people = People::new(&stage);
    for place in 0..plan.setup.nodes {
        stage.start(place);
    }
    let opened = together(&stage, &people, ms(1000), |people| async move { people.open_market().await });
    assert!(opened, "the market does not open");
    begin(plan, &stage, &people);
    world.run(ms(plan.length()) + AFTERMATH, || false);
    let calls_until_mended = stage.faults().calls(0);
    let before_mending = judge(&stage, &people, When::Running);
    mend(&stage);
    let mended = world.now();
    world.run(mended + LAST_WORDS, || people.are_done());
    come_to_rest(&stage, &people, mended);
    let mut can_be_read =
        together(&stage, &people, LAST_WORDS, |people| async move { people.ask_again().await });
    come_to_rest(&stage, &people, world.now());
    can_be_read &= together(&stage, &people, LAST_WORDS, |people| async move { people.look_around().await });
    if !can_be_read {
        stage.alarm("there is no answer although nothing is wrong any more".to_owned());
    }
    let last = at_once(stage.store.last_position()).map_or(0, u64::cast_signed);
    world.run(world.now() + ms(10_000), || people.has_followed(last));
    Played { stage, people, calls_until_mended, before_mending }
}

/// Has people do something together, until it is done.
fn together<F: Future<Output = ()> + Send + 'static>(
    stage: &Arc<Stage>,
    people: &Arc<People>,
    limit: Micros,
    what: impl FnOnce(Arc<People>) -> F,
) -> bool {
    let done = Arc::new(AtomicBool::new(false));
    let (bell, deed) = (Arc::clone(&done), what(Arc::clone(people)));
    stage.world.spawn(stage.clients, async move {
        deed.await;
        bell.store(true, Ordering::Relaxed);
    });
    stage.world.run(stage.world.now() + limit, || done.load(Ordering::Relaxed));
    done.load(Ordering::Relaxed)
}

/// Sees to it that everything happens at its moment.
fn begin(plan: &Plan, stage: &Arc<Stage>, people: &Arc<People>) {
    let now = stage.world.now();
    for deed in &plan.deeds {
        let (people, deed) = (Arc::clone(people), deed.clone());
        stage.world.after(ms(deed.at).saturating_sub(now), move |world| {
            world.note(format_args!("{deed}"));
            people.begin(&deed);
        });
    }
    for trouble in &plan.troubles {
        let (stage, trouble) = (Arc::clone(stage), trouble.clone());
        stage.world.clone().after(ms(trouble.at).saturating_sub(now), move |world| {
            world.note(format_args!("! {trouble}"));
            stage.strike(trouble.what);
        });
    }
}

impl Stage {
    /// Has something go wrong.
    fn strike(self: &Arc<Self>, fault: Fault) {
        let stage = Arc::clone(self);
        match fault {
            Fault::Crash { node, place: Place::Anywhere, down } => self.kill(node, ms(down)),
            Fault::Crash { node, place, down } => self.faults().die(node, place, ms(down)),
            Fault::CrashAt { node, call, after, down } => self.faults().die_at(node, call, after, ms(down)),
            Fault::Freeze { node, span } => self.freeze(node, ms(span)),
            Fault::Commit(lost) => self.faults().lose_commit(lost),
            Fault::Gateway(lost) => self.faults().lose_request(lost),
            Fault::Double { by } => self.faults().double(ms(by)),
            Fault::Cut { node, from, span } => {
                self.world.count("cuts");
                self.faults().cut(node, from, true);
                self.world.after(ms(span), move |_| stage.faults().cut(node, from, false));
            }
            Fault::Outage { hangs, span } => {
                self.world.count("gateway outages");
                self.faults().set_outage(Some(hangs));
                self.world.after(ms(span), move |_| stage.faults().set_outage(None));
            }
            Fault::Jump { node, by } => {
                self.world.count("clock jumps");
                self.jump(node, by);
            }
            Fault::LoseLocks => self.lose_locks(),
            Fault::HangUp { after } => self.faults().hang_up(ms(after)),
        }
    }

    /// The gateway ends what is open there.
    pub fn settle_gateway(&self, well: bool) {
        for attempt in self.open_at_gateway() {
            let outcome = match (well, self.is_hold(attempt)) {
                (false, _) => AtGateway::Canceled,
                (true, true) => AtGateway::Authorized,
                (true, false) => AtGateway::Succeeded,
            };
            self.world.count("ended at the gateway");
            self.gateway.settle(attempt, outcome);
        }
    }

    /// What is pending at the gateway, or waits for its buyer.
    fn open_at_gateway(&self) -> Vec<Uuid> {
        let mut last = BTreeMap::new();
        for line in self.gateway.record() {
            last.insert(
                line.attempt,
                matches!(line.outcome, AtGateway::Pending | AtGateway::RequiresAction(_)),
            );
        }
        last.into_iter().filter(|(_, is_open)| *is_open).map(|(attempt, _)| attempt).collect()
    }

    /// How many attempts are open.
    fn open_attempts(&self) -> usize {
        at_once(self.store.due(Timestamp(i64::MAX), u32::MAX)).map_or(0, |open| open.len())
    }
}

/// Ends everything that is wrong, but for clocks: those stay as they are.
fn mend(stage: &Arc<Stage>) {
    stage.world.note(format_args!("everything is mended"));
    stage.faults().heal();
    for place in 0..stage.setup.nodes {
        stage.start(place);
        if let Some(node) = stage.node(place) {
            stage.world.thaw(node.process);
        }
    }
    let luck = stage.world.roll(2) == 0;
    stage.settle_gateway(luck);
}

/// Lets the janitors work until nothing is open. Whoever waits for a payment looks at its order now and then.
fn come_to_rest(stage: &Arc<Stage>, people: &Arc<People>, mended: Micros) {
    let mut pause = 5000 * MS;
    while stage.open_attempts() > 0 && stage.world.now() < mended + REST {
        stage.settle_gateway(true);
        together(stage, people, pause, |people| async move { people.look_at_orders().await });
        stage.world.run(stage.world.now() + pause, || stage.open_attempts() == 0);
        pause = (pause * 2).min(60_000 * MS);
    }
    let spent = (stage.world.now() - mended) / 1_000_000;
    stage.world.note(format_args!("at rest {spent} s after everything was mended"));
}
