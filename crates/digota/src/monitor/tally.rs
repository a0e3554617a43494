//! What happens beside calls: connections that were turned away, and what the janitor did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use digota_core::shop::janitor::Round;

/// How many, by the class of the reason.
type Counts = Mutex<BTreeMap<&'static str, u64>>;

/// Connections that were turned away.
static REFUSED: Counts = Mutex::new(BTreeMap::new());

/// Connections that were ended.
static CLOSED: Counts = Mutex::new(BTreeMap::new());

/// Payments that the janitor looked at: settled, still open, could not be looked at.
static JANITOR: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Beginnings of reasons as the log has them, and their classes.
const CLASSES: [(&str, &str); 18] = [
    ("no client certificate", "no_certificate"),
    ("client certificate expired", "expired"),
    ("client certificate not valid yet", "not_valid_yet"),
    ("client certificate of an unknown CA", "unknown_ca"),
    ("client certificate", "bad_certificate"),
    ("the client turned our certificate down", "turned_down_by_client"),
    ("no TLS version", "no_common_version"),
    ("not TLS", "not_tls"),
    ("the client does not speak h2", "not_h2"),
    ("handshake", "handshake_timeout"),
    ("limits.connections_max", "too_many"),
    ("limits.connections_per_client_max", "too_many_of_client"),
    ("no HTTP/2 preface", "no_preface"),
    ("no call", "unused"),
    ("more than half of its calls", "resets"),
    ("a reply was not taken", "reply_not_taken"),
    ("calls were still under way", "grace_over"),
    ("the certificate", "bad_certificate"),
];

/// Counts a connection that was turned away for a reason as the log has it.
pub(crate) fn refused(reason: &str) {
    count(&REFUSED, reason);
}

/// Counts a connection that was ended for a reason as the log has it.
pub(crate) fn closed(reason: &str) {
    count(&CLOSED, reason);
}

fn count(counts: &Counts, reason: &str) {
    let known = CLASSES.iter().find(|(beginning, _)| reason.starts_with(beginning));
    let class = known.map_or("other", |(_, class)| class);
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(class).or_default() += 1;
}

/// Counts what the janitor did in a round.
pub(crate) fn janitor(round: &Round) {
    let open = round.looked.saturating_sub(round.settled + round.failed);
    for (counter, count) in JANITOR.iter().zip([round.settled, open, round.failed]) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Connections that were turned away, and that were ended, by class.
pub(super) fn connections_so_far() -> [BTreeMap<&'static str, u64>; 2] {
    [&REFUSED, &CLOSED].map(|counts| counts.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// What the janitor did, by outcome.
pub(super) fn janitor_so_far() -> [(&'static str, u64); 3] {
    let count = |at: usize| JANITOR[at].load(Ordering::Relaxed);
    [("settled", count(0)), ("open", count(1)), ("failed", count(2))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_by_class() {
        for reason in
            ["no client certificate", "limits.connections_max reached", "client certificate v1", "?"]
        {
            refused(reason);
        }
        closed("no call in limits.first_call_timeout_ms");
        let [turned_away, ended] = connections_so_far();
        for class in ["no_certificate", "too_many", "bad_certificate", "other"] {
            assert!(turned_away[class] >= 1, "{class}: {turned_away:?}");
        }
        assert!(ended["unused"] >= 1 && !ended.contains_key("no_certificate"), "{ended:?}");
    }
}
