//! Ten mistakes that shops are known to make.

mod gateway;
mod stock;
mod store;
mod time;
mod twist;

use std::sync::Arc;

use digota_core::port::{Gateway, Store};
use digota_core::shop::Ports;

use twist::Twisted;

/// A mistake, built into the ports of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// Whoever writes last wins: a record that changed since it was read is written all the same.
    VersionCheckSkipped,
    /// A cleanup lets go again what a failed payment let go before.
    ReleasedTwice,
    /// A failed payment does not let go what it held.
    UndoForgotten,
    /// A time-out at the gateway is taken for a failure.
    UnknownTreatedAsFailed,
    /// A request without an answer is sent again as a new one: a new key, a new reference.
    RetriedWithNewKey,
    /// Stock is read, judged and written back: whoever read the same loses or wins twice.
    ReadThenWriteStock,
    /// A payment's attempt is written together with its outcome, after the gateway was called.
    AttemptAfterCall,
    /// Events are written by a commit of their own, after the change.
    EventOutsideCommit,
    /// The amount of a refund is not held while the gateway is asked.
    RefundNotReserved,
    /// A node that was stopped sends what another node may have taken over.
    LeaseIgnored,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 10] = [
        Bug::VersionCheckSkipped,
        Bug::ReleasedTwice,
        Bug::UndoForgotten,
        Bug::UnknownTreatedAsFailed,
        Bug::RetriedWithNewKey,
        Bug::ReadThenWriteStock,
        Bug::AttemptAfterCall,
        Bug::EventOutsideCommit,
        Bug::RefundNotReserved,
        Bug::LeaseIgnored,
    ];

    /// In words: `version check skipped`.
    pub fn name(self) -> &'static str {
        match self {
            Bug::VersionCheckSkipped => "version check skipped",
            Bug::ReleasedTwice => "released twice",
            Bug::UndoForgotten => "undo forgotten",
            Bug::UnknownTreatedAsFailed => "unknown treated as failed",
            Bug::RetriedWithNewKey => "retried with a new key",
            Bug::ReadThenWriteStock => "read-then-write stock",
            Bug::AttemptAfterCall => "attempt written after the call",
            Bug::EventOutsideCommit => "event outside the commit",
            Bug::RefundNotReserved => "refund not reserved",
            Bug::LeaseIgnored => "lease ignored",
        }
    }

    /// The ports of a new node that has this mistake. What it remembers dies with the node.
    #[must_use]
    pub fn built_into(self, mut ports: Ports) -> Ports {
        match self {
            Bug::VersionCheckSkipped => ports.store = twisted(ports.store, store::LastWriterWins),
            Bug::ReleasedTwice => ports.store = twisted(ports.store, stock::Cleanup),
            Bug::UndoForgotten => ports.store = twisted(ports.store, stock::NeverLetsGo),
            Bug::ReadThenWriteStock => ports.store = twisted(ports.store, stock::ReadThenWrite),
            Bug::AttemptAfterCall => ports.store = twisted(ports.store, store::Behind::payments()),
            Bug::RefundNotReserved => ports.store = twisted(ports.store, store::Behind::refunds()),
            Bug::EventOutsideCommit => ports.store = twisted(ports.store, store::EventsLater),
            Bug::UnknownTreatedAsFailed => {
                each_gateway(&mut ports, |inner| Arc::new(gateway::Pessimist(inner)))
            }
            Bug::RetriedWithNewKey => each_gateway(&mut ports, |inner| Arc::new(gateway::Retrier(inner))),
            Bug::LeaseIgnored => {
                let glance = time::Glance::at(ports.clock);
                ports.store = twisted(ports.store, time::Shared(glance.clone()));
                ports.clock = Arc::new(time::Shared(glance));
            }
        }
        ports
    }
}

fn twisted(inner: Arc<dyn Store>, twist: impl twist::Twist + 'static) -> Arc<dyn Store> {
    Arc::new(Twisted { inner, twist })
}

fn each_gateway(ports: &mut Ports, wrap: impl Fn(Arc<dyn Gateway>) -> Arc<dyn Gateway>) {
    for gateway in ports.gateways.values_mut() {
        *gateway = wrap(gateway.clone());
    }
}
