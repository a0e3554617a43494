//! What goes wrong just now, and what will go wrong with the next that comes by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::plan::{Lost, Peer, Place};
use crate::world::Micros;

/// What a node does outside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads from the store, or settles a commit.
    Read,
    /// Commits.
    Commit,
    /// Asks the gateway for something that moves money.
    Gateway,
    /// Asks the gateway what became of something.
    Lookup,
    /// Asks for a lock.
    Lock,
    /// Waits.
    Sleep,
}

/// Faults that wait for their victim, and those that last.
pub struct Faults {
    cuts: BTreeSet<(usize, Peer)>,
    /// `Some(true)`: it hangs. `Some(false)`: it takes nothing.
    outage: Option<bool>,
    commits: VecDeque<Lost>,
    requests: VecDeque<Lost>,
    doubles: VecDeque<Micros>,
    hang_ups: VecDeque<Micros>,
    /// By node: where it dies, and for how long.
    deaths: Vec<VecDeque<(Place, Micros)>>,
    /// By node and number of its call: whether after it, and for how long.
    deaths_at: BTreeMap<(usize, u64), (bool, Micros)>,
    /// How often each node called anything.
    calls: Vec<u64>,
}

impl Faults {
    pub(super) fn new(nodes: usize) -> Faults {
        Faults {
            cuts: BTreeSet::new(),
            outage: None,
            commits: VecDeque::new(),
            requests: VecDeque::new(),
            doubles: VecDeque::new(),
            hang_ups: VecDeque::new(),
            deaths: vec![VecDeque::new(); nodes],
            deaths_at: BTreeMap::new(),
            calls: vec![0; nodes],
        }
    }

    /// Ends everything that is wrong, and forgets what waits for a victim.
    pub fn heal(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        *self = Faults { calls, ..Faults::new(self.deaths.len()) };
    }

    /// Cuts a node off, or joins it again.
    pub fn cut(&mut self, node: usize, from: Peer, is_cut: bool) {
        if is_cut {
            self.cuts.insert((node, from))
        } else {
            self.cuts.remove(&(node, from))
        };
    }

    pub(super) fn is_cut(&self, node: usize, from: Peer) -> bool {
        self.cuts.contains(&(node, from))
    }

    /// Takes the gateway down, or brings it back.
    pub fn set_outage(&mut self, outage: Option<bool>) {
        self.outage = outage;
    }

    /// Whether the gateway is down, and then whether it hangs.
    pub fn outage(&self) -> Option<bool> {
        self.outage
    }

    /// What will become of the next commit.
    pub fn lose_commit(&mut self, lost: Lost) {
        self.commits.push_back(lost);
    }

    /// What becomes of the commit that comes by now.
    pub fn commit(&mut self) -> Option<Lost> {
        self.commits.pop_front()
    }

    /// What will become of the next request that moves money.
    pub fn lose_request(&mut self, lost: Lost) {
        self.requests.push_back(lost);
    }

    /// What becomes of the request that comes by now.
    pub fn request(&mut self) -> Option<Lost> {
        self.requests.pop_front()
    }

    /// Has the next request that moves money arrive twice.
    pub fn double(&mut self, by: Micros) {
        self.doubles.push_back(by);
    }

    /// Whether the request that comes by now arrives twice, and how much later.
    pub fn doubled(&mut self) -> Option<Micros> {
        self.doubles.pop_front()
    }

    /// Has the next caller go away.
    pub fn hang_up(&mut self, after: Micros) {
        self.hang_ups.push_back(after);
    }

    /// When the caller that comes by now goes away, if it does.
    pub fn hung_up(&mut self) -> Option<Micros> {
        self.hang_ups.pop_front()
    }

    /// Has a node die when it comes to this place.
    pub fn die(&mut self, node: usize, place: Place, down: Micros) {
        self.deaths[node].push_back((place, down));
    }

    /// Has a node die at one of its calls.
    pub fn die_at(&mut self, node: usize, call: u64, after: bool, down: Micros) {
        self.deaths_at.insert((node, call), (after, down));
    }

    /// Counts a call of a node.
    pub fn number(&mut self, node: usize) -> u64 {
        self.calls[node] += 1;
        self.calls[node]
    }

    /// How often a node called anything.
    pub fn calls(&self, node: usize) -> u64 {
        self.calls[node]
    }

    /// Whether a node dies before or after this call of it, and for how long.
    pub fn dies(&mut self, node: usize, step: Step, call: u64, after: bool) -> Option<Micros> {
        if let Some((_, down)) = self.deaths_at.get(&(node, call)).filter(|(late, _)| *late == after) {
            return Some(*down);
        }
        let here = match (step, after) {
            (Step::Commit, false) => Place::BeforeCommit,
            (Step::Commit, true) => Place::AfterCommit,
            (Step::Gateway, false) => Place::BeforeGateway,
            (Step::Gateway, true) => Place::AfterGateway,
            _ => return None,
        };
        let at = self.deaths[node].iter().position(|(place, _)| *place == here)?;
        self.deaths[node].remove(at).map(|(_, down)| down)
    }
}
