//! A node dies before and after each of its calls, one by one, and all comes right.

use digota_sim::judge::judge_played;
use digota_sim::plan::{Deed, Fault, Means, Plan, Setup, Trouble, What};
use digota_sim::run::play;

/// How long a node that died stays dead.
const DOWN_MS: u64 = 700;

/// A day in a small shop: two orders, one of them paid twice at once, money back, goods back, and money held and taken.
fn day(setup: Setup) -> Plan {
    let order = |goods| What::Order { goods };
    let pay = |order, with| What::Pay { order, with, patient: false };
    let whats = [
        (1000, 0, order(vec![(0, 2)])),
        (1200, 0, pay(0, Means::Token)),
        (1230, 1, pay(0, Means::Card)),
        (1900, 0, What::Refund { order: 0, percent: 30 }),
        (2600, 0, What::Return { order: 0, pieces: 0 }),
        (1100, 0, order(vec![(1, 1)])),
        (1400, 0, pay(5, Means::LoseAfter)),
        (1000, 0, What::Charge { amount: 900, with: Means::Token, later: true }),
        (2100, 0, What::Capture { charge: 7, percent: 0 }),
    ];
    let deed = |(number, (at, node, what))| Deed {
        at,
        number,
        client: number,
        node,
        deadline_ms: 10_000,
        keyed: true,
        what,
    };
    Plan { seed: 7, setup, deeds: whats.into_iter().enumerate().map(deed).collect(), troubles: Vec::new() }
}

fn setup(nodes: usize, two_step: bool) -> Setup {
    Setup {
        nodes,
        always_yes: true,
        two_step,
        cancel: true,
        gateway_limit_ms: 2000,
        refunds_declined: 0,
        skew_ms: vec![0; nodes],
        janitor_ms: 2000,
        stock: vec![Some(5), Some(5), None],
        follower: false,
        broken: None,
    }
}

pub(crate) fn wherever_a_node_dies_all_comes_right() {
    let mut deaths = 0;
    for setup in [setup(1, true), setup(2, false)] {
        let plan = day(setup);
        let calls = calls(&plan);
        assert!(calls > 60, "a day of {calls} calls is none");
        for (call, after) in (1..=calls).flat_map(|call| [(call, false), (call, true)]) {
            let mut plan = plan.clone();
            let what = Fault::CrashAt { node: 0, call, after, down: DOWN_MS };
            plan.troubles.push(Trouble { at: 900, what });
            let played = play(&plan, false);
            let breaches = judge_played(&played);
            deaths += played.stage.world.counts().get("crashes").copied().unwrap_or(0);
            played.stage.end();
            assert!(breaches.is_empty(), "{breaches:#?}\n{plan}");
        }
    }
    assert!(deaths > 200, "only {deaths} deaths");
}

/// How many calls the first node makes until all deeds are done.
fn calls(plan: &Plan) -> u64 {
    let played = play(plan, false);
    assert_eq!(judge_played(&played), []);
    let calls = played.calls_until_mended;
    played.stage.end();
    calls
}
