//! Connections to nodes: when a node dies they end, in the order in which they were made.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::world::{ProcessId, Sender};

/// The connections that are open.
#[derive(Default)]
pub struct Connections {
    open: BTreeMap<u64, (ProcessId, Box<dyn Any + Send>)>,
    made: u64,
}

/// The node's end of a connection. The other end is told when it is over, and not when this one happens to be dropped: the futures
/// of a dead process are dropped in no order.
pub struct Connection<T> {
    number: u64,
    sender: Arc<Mutex<Option<Sender<T>>>>,
}

impl<T> Connection<T> {
    /// By which it can be forgotten.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Connections {
    /// Makes a connection to a process.
    pub fn open<T: Send + 'static>(&mut self, to: ProcessId, sender: Sender<T>) -> Connection<T> {
        self.made += 1;
        let sender = Arc::new(Mutex::new(Some(sender)));
        let kept = Taken(Arc::clone(&sender));
        self.open.insert(self.made, (to, Box::new(kept)));
        Connection { number: self.made, sender }
    }

    /// Closes a connection; returns who is to be answered, unless it has ended.
    pub fn close<T>(&mut self, connection: &Connection<T>) -> Option<Sender<T>> {
        let sender = connection.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.open.remove(&connection.number);
        sender
    }

    /// Forgets a connection whose caller went away.
    pub fn forget(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Ends all connections to a process: by being dropped, in this order.
    pub fn end(&mut self, process: ProcessId) -> Vec<Box<dyn Any + Send>> {
        let (ended, open) =
            std::mem::take(&mut self.open).into_iter().partition(|(_, (to, _))| *to == process);
        self.open = open;
        let ended: BTreeMap<u64, (ProcessId, Box<dyn Any + Send>)> = ended;
        ended.into_values().map(|(_, sender)| sender).collect()
    }
}

/// Ends a connection when it is dropped.
struct Taken<T>(Arc<Mutex<Option<Sender<T>>>>);

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
