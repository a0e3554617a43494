//! Who is woken when a name is given back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// A bell for each channel that somebody of this node listens to.
#[derive(Default)]
pub(super) struct Bells(Mutex<BTreeMap<Vec<u8>, Arc<Notify>>>);

impl Bells {
    pub(super) fn hang(&self, channel: &str) -> Arc<Notify> {
        Arc::clone(self.lock().entry(channel.as_bytes().to_vec()).or_default())
    }

    pub(super) fn take_down(&self, channel: &str) {
        self.lock().remove(channel.as_bytes());
    }

    pub(super) fn ring(&self, channel: &[u8]) {
        if let Some(bell) = self.lock().get(channel) {
            bell.notify_one();
        }
    }

    pub(super) fn ring_all(&self) {
        self.lock().values().for_each(|bell| bell.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Arc<Notify>>> {
        self.0.lock().expect("nothing panics while the bells are locked")
    }
}
