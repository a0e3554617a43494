//! The lock service as a node sees it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};

use super::Line;
use crate::plan::Peer;
use crate::stage::Step;
use crate::world::{MS, Micros};

/// The lock at the end of a line.
pub(super) struct FarLock(pub(super) Line);

#[async_trait]
impl Lock for FarLock {
    async fn acquire(&self, name: &str, wait: Duration) -> Result<Box<dyn Lease>, LockError> {
        let line = &self.0;
        let call = line.begin(Step::Lock).await;
        if line.is_cut(Peer::Lock) {
            line.world().count("locks out of reach");
            line.world().letter(line.process, 1000 * MS, ()).await;
            return Err(LockError::Unavailable("no answer".to_owned()));
        }
        if line.stage.setup.always_yes {
            let fence = line.stage.locks().next_fence();
            return Ok(Box::new(Held { line: line.clone(), name: name.to_owned(), fence }));
        }
        let wait = Micros::try_from(wait.as_micros()).unwrap_or(Micros::MAX);
        let (asker, answer) = line.world().mail(line.process);
        let (stage, wanted) = (Arc::clone(&line.stage), name.to_owned());
        let way = line.world().span(50, 2 * MS);
        line.world().after(way, move |_| stage.ask_for_lock(&wanted, wait, asker));
        let granted = answer.or_lost().await;
        line.end(Step::Lock, call).await;
        match granted {
            Ok(fence) => Ok(Box::new(Held { line: line.clone(), name: name.to_owned(), fence })),
            Err(_) => {
                line.world().count("locks not granted in time");
                Err(LockError::Busy)
            }
        }
    }
}

struct Held {
    line: Line,
    name: String,
    fence: u64,
}

#[async_trait]
impl Lease for Held {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn is_held(&self) -> bool {
        self.line.stage.setup.always_yes || self.line.stage.locks().holds(&self.name, self.fence)
    }

    async fn release(self: Box<Self>) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        // The dead give nothing back.
        if self.line.world().lives(self.line.process) {
            let (stage, name, fence) = (Arc::clone(&self.line.stage), self.name.clone(), self.fence);
            let way = self.line.world().span(50, 2 * MS);
            self.line.world().after(way, move |_| stage.give_back_lock(&name, fence));
        }
    }
}
