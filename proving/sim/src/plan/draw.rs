//! A schedule from a seed: a few orders that many people want at once, and trouble where it hurts.

use digota_core::testing::chance::scatter;

use super::{Deed, Fault, Lost, Means, Peer, Place, Plan, Setup, Trouble, What};

/// When the first thing happens.
const FIRST_MS: u64 = 1000;

/// Until when new stories begin.
const LAST_MS: u64 = 25_000;

impl Plan {
    /// The schedule of a seed: always the same.
    pub fn draw(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let setup = setup(&mut dice);
        let mut deeds = Deeds::default();
        for _ in 0..dice.between(4, 7) {
            story(&mut deeds, &setup, &mut dice);
        }
        deeds.push(dice.between(FIRST_MS, LAST_MS), What::Settle { well: dice.one_in(2) }, &setup, &mut dice);
        let troubles = troubles(&deeds.0, &setup, &mut dice);
        Plan { seed, setup, deeds: deeds.0, troubles }
    }
}

/// Luck that repeats itself.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(scatter(seed))
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scatter(self.0) % sides.max(1)
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll(most.saturating_sub(least) + 1)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.roll(many) == 0
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length as u64)).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    fn signed(&mut self, most: u64) -> i64 {
        let size = i64::try_from(self.roll(most + 1)).unwrap_or(0);
        if self.one_in(2) { -size } else { size }
    }

    fn pieces(&mut self, most: u64) -> i64 {
        i64::try_from(self.between(1, most)).unwrap_or(1)
    }
}

fn setup(dice: &mut Dice) -> Setup {
    let nodes = if dice.one_in(4) { 1 } else { 2 };
    Setup {
        nodes,
        always_yes: dice.one_in(4),
        two_step: dice.one_in(4),
        cancel: !dice.one_in(4),
        gateway_limit_ms: dice.pick(&[2000, 5000, 10_000]),
        refunds_declined: dice.pick(&[0, 0, 25]),
        skew_ms: (0..nodes).map(|_| dice.signed(2000)).collect(),
        janitor_ms: dice.between(500, 2000),
        stock: vec![Some(dice.pieces(3)), Some(dice.pieces(8)), None],
        follower: dice.one_in(4),
        broken: None,
    }
}

#[derive(Default)]
struct Deeds(Vec<Deed>);

impl Deeds {
    fn push(&mut self, at: u64, what: What, setup: &Setup, dice: &mut Dice) -> usize {
        let number = self.0.len();
        let (client, node) = (dice.index(4), dice.index(setup.nodes));
        let deadline_ms = dice.pick(&[800, 3000, 10_000, 30_000]);
        let keyed = !dice.one_in(12) || matches!(what, What::Order { .. });
        self.0.push(Deed { at, number, client, node, deadline_ms, keyed, what });
        number
    }
}

/// An order, or a charge without one, and what people do with it.
fn story(deeds: &mut Deeds, setup: &Setup, dice: &mut Dice) {
    let mut at = dice.between(FIRST_MS, LAST_MS);
    if dice.one_in(6) {
        return charge_story(deeds, at, setup, dice);
    }
    let mut goods = vec![(dice.index(setup.stock.len()), dice.pieces(3))];
    if dice.one_in(4) {
        goods.push(((goods[0].0 + 1) % setup.stock.len(), dice.pieces(2)));
    }
    let order = deeds.push(at, What::Order { goods }, setup, dice);
    at += dice.between(100, 1500);
    let mut paid = order;
    for _ in 0..dice.pick(&[1, 1, 2, 2, 3]) {
        let (with, patient) = (means(dice), dice.one_in(3));
        paid = deeds.push(at, What::Pay { order, with, patient }, setup, dice);
        at += if dice.one_in(2) { dice.roll(150) } else { dice.roll(4000) };
    }
    for _ in 0..dice.pick(&[0, 1, 1, 2, 2, 3]) {
        let what = aftermath(order, paid, dice);
        deeds.push(at, what, setup, dice);
        at += if dice.one_in(2) { dice.roll(200) } else { dice.roll(6000) };
    }
}

fn aftermath(order: usize, paid: usize, dice: &mut Dice) -> What {
    match dice.roll(12) {
        0..=2 => What::Refund { order, percent: dice.pick(&[0, 30, 50, 60, 100]) },
        3..=5 => What::Return { order, pieces: dice.pick(&[0, 0, 1, 2]) },
        6 => What::Cancel { order },
        7 => What::Fulfill { order },
        8 => What::Again { deed: paid },
        9 => What::Again { deed: order },
        10 => What::Adjust { sku: dice.index(2), by: dice.pick(&[1, 2, 5, -1]) },
        _ => What::Look { order },
    }
}

fn charge_story(deeds: &mut Deeds, at: u64, setup: &Setup, dice: &mut Dice) {
    let (amount, later) = (dice.pieces(5000) + 500, !dice.one_in(3));
    let charge = deeds.push(at, What::Charge { amount, with: means(dice), later }, setup, dice);
    let mut at = at + dice.between(500, 3000);
    for _ in 0..dice.pick(&[1, 1, 2]) {
        let what = match dice.roll(4) {
            0 | 1 => What::Capture { charge, percent: dice.pick(&[0, 0, 40]) },
            2 => What::Void { charge },
            _ => What::Again { deed: charge },
        };
        deeds.push(at, what, setup, dice);
        at += dice.roll(3000);
    }
}

fn means(dice: &mut Dice) -> Means {
    match dice.roll(20) {
        0..=3 => Means::Card,
        4..=11 => Means::Token,
        12..=13 => Means::Declined,
        14..=15 => Means::LoseAfter,
        16 => Means::LoseBefore,
        17 => Means::NeverSent,
        18 => Means::Pending,
        _ => Means::Challenge,
    }
}

/// Trouble comes shortly after somebody did something.
fn troubles(deeds: &[Deed], setup: &Setup, dice: &mut Dice) -> Vec<Trouble> {
    let many = dice.pick(&[0, 1, 2, 3, 4, 5, 6, 8]);
    let mut troubles = Vec::new();
    for _ in 0..many {
        let near = deeds[dice.index(deeds.len())].at;
        let at = near + if dice.one_in(3) { dice.roll(3000) } else { dice.roll(120) };
        troubles.push(Trouble { at, what: fault(setup, dice) });
    }
    troubles.sort_by_key(|trouble| trouble.at);
    troubles
}

fn fault(setup: &Setup, dice: &mut Dice) -> Fault {
    let node = dice.index(setup.nodes);
    match dice.roll(40) {
        0..=11 => Fault::Crash { node, place: place(dice), down: dice.between(50, 6000) },
        12..=19 => Fault::Commit(lost(8000, dice)),
        20..=25 => Fault::Gateway(lost(latest(setup), dice)),
        26..=27 => Fault::Double { by: dice.between(1, latest(setup)) },
        28..=31 => Fault::Cut { node, from: peer(dice), span: dice.between(200, 8000) },
        32..=33 => Fault::Outage { hangs: dice.one_in(2), span: dice.between(500, 15_000) },
        34 => Fault::Jump { node, by: dice.signed(20 * 60_000) },
        35..=36 => Fault::Freeze { node, span: freeze(setup, dice) },
        37 => Fault::LoseLocks,
        _ => Fault::HangUp { after: dice.between(1, 800) },
    }
}

fn place(dice: &mut Dice) -> Place {
    dice.pick(&[
        Place::Anywhere,
        Place::BeforeCommit,
        Place::AfterCommit,
        Place::AfterCommit,
        Place::BeforeGateway,
        Place::AfterGateway,
    ])
}

fn lost(latest: u64, dice: &mut Dice) -> Lost {
    match dice.roll(6) {
        0 => Lost::Refused,
        1 => Lost::Request,
        2..=3 => Lost::Answer,
        _ => Lost::Late(dice.between(1, latest)),
    }
}

/// How late a request may arrive at the gateway: at any time where it can cancel, else until it promises to have settled.
fn latest(setup: &Setup) -> u64 {
    if setup.cancel { 60_000 } else { setup.gateway_limit_ms * 2 - 1000 }
}

fn peer(dice: &mut Dice) -> Peer {
    dice.pick(&[Peer::Store, Peer::Store, Peer::Lock, Peer::Gateway, Peer::Clients])
}

fn freeze(setup: &Setup, dice: &mut Dice) -> u64 {
    let lease = setup.gateway_limit_ms + 30_000;
    if dice.one_in(3) { dice.between(lease, lease + 15_000) } else { dice.between(100, 5000) }
}
