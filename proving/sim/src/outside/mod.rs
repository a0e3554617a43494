//! What a node has of the world outside it: adapters of the ports, each over a line on which it may die, wait or hear nothing.

mod broken;
mod clock;
mod gateway;
mod lock;
mod store;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use digota_core::payment::Provider;
use digota_core::port::Gateway;
use digota_core::shop::Ports;
use digota_core::testing::clock::CountingIds;

use crate::plan::Peer;
use crate::stage::{Short, Stage, Step};
use crate::world::{Micros, ProcessId, World};

pub use clock::NodeClock;
use gateway::FarGateway;
use lock::FarLock;
use store::FarStore;

/// A node's line to everything else.
#[derive(Clone)]
pub struct Line {
    pub(crate) stage: Arc<Stage>,
    pub(crate) place: usize,
    pub(crate) process: ProcessId,
}

impl Line {
    /// The line of a process that stands in this place.
    pub fn new(stage: &Arc<Stage>, place: usize, process: ProcessId) -> Line {
        Line { stage: Arc::clone(stage), place, process }
    }

    /// The ports of a shop at the end of this line.
    pub fn ports(&self) -> Ports {
        let gateway: Arc<dyn Gateway> = Arc::new(FarGateway(self.clone()));
        Ports {
            store: Arc::new(FarStore(self.clone())),
            lock: Arc::new(FarLock(self.clone())),
            gateways: BTreeMap::from([(Provider::Sandbox, gateway)]),
            clock: Arc::new(NodeClock(self.clone())),
            ids: Arc::new(CountingIds::new(Short::seed(self.process))),
        }
    }

    fn world(&self) -> &World {
        &self.stage.world
    }

    fn is_cut(&self, peer: Peer) -> bool {
        self.stage.is_cut(self.place, peer)
    }

    /// Before a call: a dead node never makes it. Returns its number.
    async fn begin(&self, step: Step) -> u64 {
        let call = self.stage.faults().number(self.place);
        self.survive(step, call, false).await;
        call
    }

    /// After a call: a dead node never learns what came of it.
    async fn end(&self, step: Step, call: u64) {
        self.survive(step, call, true).await;
    }

    async fn survive(&self, step: Step, call: u64, after: bool) {
        if self.world().lives(self.process) {
            let death = self.stage.faults().dies(self.place, step, call, after);
            let Some(down) = death else { return };
            let when = if after { "after" } else { "before" };
            self.world().note(format_args!("node {} dies {when} {step:?}, its call {call}", self.place));
            self.world().count(if after { "crashes after a call" } else { "crashes before a call" });
            self.stage.kill(self.place, down);
        }
        pending().await
    }

    /// Has something happen after a while, and tells the node another while later what came of it.
    async fn ask<T: Send + 'static>(
        &self,
        there: Micros,
        back: Micros,
        act: impl FnOnce(&Stage) -> T + Send + 'static,
    ) -> T {
        let (sender, letter) = self.world().mail(self.process);
        let stage = Arc::clone(&self.stage);
        self.world().after(there, move |world| {
            let came = act(&stage);
            if back == 0 { sender.send(came) } else { world.after(back, move |_| sender.send(came)) }
        });
        letter.await
    }
}
