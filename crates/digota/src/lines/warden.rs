//! Walks along the connections and ends those that only stand about.
//!
//! One walk now and then is cheaper than timers on every connection, and keeps all reasons to end one in one place.

use std::time::Duration;

use tokio::time::{Instant, interval};

use super::Shared;
use super::registry::Served;
use crate::config;

/// How often it walks. No limit is kept more closely.
const ROUND: Duration = Duration::from_millis(200);

/// How long a connection may take to go that was asked to because it never called.
const UNUSED_GRACE: Duration = Duration::from_secs(1);

/// How long the warden gives to what.
pub(super) struct Patience {
    preface: Duration,
    first_call: Duration,
    reply: Duration,
    /// None where a connection may grow as old as it likes.
    age: Option<Duration>,
    grace: Duration,
}

impl Patience {
    pub(super) fn new(limits: &config::Limits) -> Patience {
        let age = limits.connection_age_max_ms;
        Patience {
            preface: Duration::from_millis(limits.preface_timeout_ms),
            first_call: Duration::from_millis(limits.first_call_timeout_ms),
            reply: Duration::from_millis(limits.reply_timeout_ms),
            age: (age > 0).then(|| Duration::from_millis(age)),
            grace: Duration::from_millis(limits.connection_grace_ms),
        }
    }

    /// Why a connection has to end at once, if it has. Asks it to leave where that will do.
    fn judge(&self, served: &mut Served) -> Option<&'static str> {
        let age = served.age();
        if !served.has_begun() {
            return (age > self.preface).then_some("no HTTP/2 preface in limits.preface_timeout_ms");
        }
        if served.line.is_abused() {
            return Some("more than half of its calls were reset");
        }
        // A reply is stuck if it is found by two of these.
        if served.replies_seen.elapsed() > self.reply / 2 {
            if served.line.has_stuck_reply() {
                return Some("a reply was not taken in limits.reply_timeout_ms");
            }
            served.replies_seen = Instant::now();
        }
        let unused = !served.line.has_called() && age > self.first_call;
        let old = self.age.is_some_and(|most| age > most * served.pace / 1000);
        if unused || old {
            served.leave();
        }
        let grace = if unused { UNUSED_GRACE } else { self.grace };
        served.leaving.is_some_and(|since| since.elapsed() > grace).then_some(match unused {
            true => "no call in limits.first_call_timeout_ms",
            false => "calls were still under way after limits.connection_grace_ms",
        })
    }
}

/// Walks for ever.
pub(super) async fn walk(shared: std::sync::Arc<Shared>) {
    let mut rounds = interval(ROUND);
    loop {
        rounds.tick().await;
        for ended in shared.lines.judge(|served| shared.patience.judge(served)) {
            shared.unwanted.closed(ended.peer, ended.reason);
        }
    }
}
