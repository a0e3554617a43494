//! A lock service of which everybody is a guest: leases end by themselves, and it can lose all of them.

use std::collections::{BTreeMap, VecDeque};

use super::Stage;
use crate::world::{Micros, Sender};

/// How long a lease lasts.
const TIME_TO_LIVE: Micros = 30_000_000;

/// Who holds and who waits for which name.
#[derive(Default)]
pub struct Locks {
    names: BTreeMap<String, Name>,
    /// The last fence given out.
    fence: u64,
}

#[derive(Default)]
struct Name {
    holder: Option<u64>,
    waiters: VecDeque<(u64, Sender<u64>)>,
}

impl Locks {
    /// A fence higher than all before.
    pub fn next_fence(&mut self) -> u64 {
        self.fence += 1;
        self.fence
    }

    /// Whether this fence's lease is the one that counts.
    pub fn holds(&self, name: &str, fence: u64) -> bool {
        self.names.get(name).is_some_and(|name| name.holder == Some(fence))
    }

    /// Gives up waiting; whoever waited learns it by never being told.
    fn leave(&mut self, name: &str, fence: u64) {
        if let Some(entry) = self.names.get_mut(name) {
            entry.waiters.retain(|(waiting, _)| *waiting != fence);
        }
    }
}

impl Stage {
    /// Asks for a name; `asker` is told the fence once it is granted, and dropped when `wait` is over.
    pub fn ask_for_lock(self: &std::sync::Arc<Self>, name: &str, wait: Micros, asker: Sender<u64>) {
        let fence = {
            let mut locks = self.locks();
            let fence = locks.next_fence();
            locks.names.entry(name.to_owned()).or_default().waiters.push_back((fence, asker));
            fence
        };
        self.grant(name);
        let (stage, name) = (std::sync::Arc::clone(self), name.to_owned());
        self.world.after(wait, move |_| stage.locks().leave(&name, fence));
    }

    /// Gives a lease back, if it is still that one's.
    pub fn give_back_lock(self: &std::sync::Arc<Self>, name: &str, fence: u64) {
        {
            let mut locks = self.locks();
            let Some(entry) = locks.names.get_mut(name).filter(|entry| entry.holder == Some(fence)) else {
                return;
            };
            entry.holder = None;
        }
        self.grant(name);
    }

    /// Loses all leases.
    pub fn lose_locks(self: &std::sync::Arc<Self>) {
        let held: Vec<String> = {
            let mut locks = self.locks();
            let held = |(name, entry): (&String, &mut Name)| entry.holder.take().map(|_| name.clone());
            locks.names.iter_mut().filter_map(held).collect()
        };
        for name in held {
            self.world.count("leases lost");
            self.grant(&name);
        }
    }

    /// Lets the next one in whom it still interests.
    fn grant(self: &std::sync::Arc<Self>, name: &str) {
        let mut locks = self.locks();
        let Some(entry) = locks.names.get_mut(name).filter(|entry| entry.holder.is_none()) else { return };
        let next = loop {
            match entry.waiters.pop_front() {
                Some((_, asker)) if asker.is_unwanted() => {}
                next => break next,
            }
        };
        let Some((fence, asker)) = next else {
            locks.names.remove(name);
            return;
        };
        entry.holder = Some(fence);
        drop(locks);
        asker.send(fence);
        let (stage, name) = (std::sync::Arc::clone(self), name.to_owned());
        self.world.after(TIME_TO_LIVE, move |world| {
            if stage.locks().holds(&name, fence) {
                world.count("leases expired");
                stage.give_back_lock(&name, fence);
            }
        });
    }
}
