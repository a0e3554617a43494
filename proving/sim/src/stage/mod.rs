//! What all share in one world: the store, the gateway, the lock service, the clocks, the nodes, and what goes wrong just now.

mod connections;
mod faults;
mod ids;
mod locks;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::Clock;
use digota_core::port::gateway::{Capabilities, Op};
use digota_core::testing::chance::scatter;
use digota_core::testing::gateway::{Act, ScriptedGateway};
use digota_core::testing::store::MemoryStore;
use digota_core::time::Timestamp;
use futures_util::FutureExt;
use uuid::Uuid;

use crate::node::Node;
use crate::plan::{Peer, Setup};
use crate::world::{MS, Micros, ProcessId, World};

pub use connections::{Connection, Connections};
pub use faults::{Faults, Step};
pub use ids::{Short, owner};
pub use locks::Locks;

/// Everything that is not a process.
pub struct Stage {
    /// Time, processes and luck.
    pub world: World,
    /// How it was set up.
    pub setup: Setup,
    /// The store itself, which is never wrong; nodes only reach it through [`crate::outside`].
    pub store: MemoryStore,
    /// The gateway itself.
    pub gateway: ScriptedGateway,
    /// Where all clients live. They never die.
    pub clients: ProcessId,
    faults: Mutex<Faults>,
    locks: Mutex<Locks>,
    /// By how much each node's clock is ahead of the truth, in microseconds.
    ahead: Mutex<Vec<i64>>,
    /// The nodes that live.
    nodes: Mutex<Vec<Option<Arc<Node>>>>,
    /// What went wrong that must never happen, seen while it happened.
    alarms: Mutex<Vec<String>>,
    /// Attempts that only hold money.
    holds: Mutex<BTreeSet<Uuid>>,
    /// Who waits for which node.
    connections: Mutex<Connections>,
}

impl Stage {
    /// A stage on which nothing has happened yet.
    pub fn new(world: World, setup: &Setup) -> Arc<Stage> {
        let limit = Duration::from_millis(setup.gateway_limit_ms);
        let capabilities = Capabilities {
            two_step: setup.two_step,
            cancel: setup.cancel,
            capture_later: true,
            total_limit: limit,
            settle_time: limit * 2,
        };
        let gateway = ScriptedGateway::new(Arc::new(TrueTime(world.clone()))).with(capabilities);
        let declined = setup.refunds_declined;
        gateway.on(move |seen| {
            // By the attempt, so that a repetition has the same luck.
            let unlucky = seen.op == Op::Refund && scatter(seen.attempt.as_u64_pair().1) % 100 < declined;
            unlucky.then(|| Act::Decline(DeclineCode::RefundNotAllowed).into())
        });
        let ahead = (0..setup.nodes).map(|node| setup.skew_ms.get(node).copied().unwrap_or(0) * 1000);
        Arc::new(Stage {
            setup: setup.clone(),
            store: MemoryStore::new(),
            gateway,
            clients: world.start(),
            faults: Mutex::new(Faults::new(setup.nodes)),
            locks: Mutex::default(),
            ahead: Mutex::new(ahead.collect()),
            nodes: Mutex::new(vec![None; setup.nodes]),
            alarms: Mutex::default(),
            holds: Mutex::default(),
            connections: Mutex::default(),
            world,
        })
    }

    /// What goes wrong just now.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock service.
    pub fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Option<Arc<Node>>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time on a node's clock.
    pub fn clock_of(&self, node: usize) -> Timestamp {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner)[node];
        Timestamp(self.world.moment().0.saturating_add(ahead))
    }

    /// Has a node's clock jump.
    pub fn jump(&self, node: usize, by_ms: i64) {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)[node] += by_ms * 1000;
    }

    /// Whether a node can't reach somebody just now.
    pub fn is_cut(&self, node: usize, peer: Peer) -> bool {
        self.faults().is_cut(node, peer)
    }

    /// The node in this place, if it lives.
    pub fn node(&self, place: usize) -> Option<Arc<Node>> {
        let mut nodes = self.nodes();
        let node = nodes[place].as_ref()?;
        if !self.world.lives(node.process) {
            nodes[place] = None;
            return None;
        }
        Some(Arc::clone(node))
    }

    /// Starts the node in this place, unless it lives.
    pub fn start(self: &Arc<Self>, place: usize) {
        if self.node(place).is_some() {
            return;
        }
        let node = Node::start(self, place);
        self.world.note(format_args!("node {place} starts"));
        self.nodes()[place] = Some(Arc::new(node));
    }

    /// Kills the node in this place, and starts it again after a while.
    pub fn kill(self: &Arc<Self>, place: usize, down: Micros) {
        let Some(node) = self.node(place) else { return };
        self.world.note(format_args!("node {place} dies"));
        self.world.count("crashes");
        if self.works_on_something(node.process) {
            self.world.count("crashes between commits");
        }
        self.world.kill(node.process);
        let cut = self.connections().end(node.process);
        drop(cut);
        let stage = Arc::clone(self);
        self.world.after(down, move |_| stage.start(place));
    }

    /// Stops the node in this place for a while.
    pub fn freeze(&self, place: usize, span: Micros) {
        if let Some(node) = self.node(place) {
            self.world.note(format_args!("node {place} is stopped"));
            self.world.count("freezes");
            self.world.freeze(node.process, span);
        }
    }

    /// Notes that an attempt only holds money, so that it ends so where the gateway leaves it pending.
    pub fn hold(&self, attempt: Uuid) {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
    }

    /// Whether an attempt only holds money.
    pub fn is_hold(&self, attempt: Uuid) -> bool {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).contains(&attempt)
    }

    /// Who waits for which node.
    pub fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the world and all that is in it.
    pub fn end(&self) {
        self.nodes().clear();
        *self.connections() = Connections::default();
        self.world.end();
    }

    /// Notes something that must never happen.
    pub fn alarm(&self, text: String) {
        self.world.note(format_args!("ALARM {text}"));
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Everything that was noted and must never happen.
    pub fn alarms(&self) -> Vec<String> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The gateway's clock is right.
struct TrueTime(World);

#[async_trait]
impl Clock for TrueTime {
    fn now(&self) -> Timestamp {
        self.0.moment()
    }

    /// Nothing at the gateway takes time: what does is between it and its callers.
    async fn sleep(&self, _: Duration) {}
}

/// Milliseconds of a plan as a span.
pub fn ms(span: u64) -> Micros {
    span * MS
}

/// What something that never waits comes to.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("what is in memory and takes no time never waits")
}
