//! What a rolling restart was made of: what was paid under whom, which calls failed, how long writes were held up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use digota_oracle::Evidence;
use digota_oracle::history::Call;
use serde::Serialize;
use tokio::time::Instant;

use crate::client::{Answer, Said};

/// Reasons to send a request again that a restart has no part in: the answer is on its way, or another caller was there first.
const USUAL: [&str; 2] = ["PAYMENT_PENDING", "BUSY"];

/// What an earlier digota says of a schema that it does not know.
const REFUSAL: &str = "install the later digota";

/// One node's.
pub(super) struct Restart {
    /// When it was told to stop.
    pub(super) stop: Instant,
    /// When it had stopped and was started anew.
    pub(super) start: Instant,
    pub(super) serving: Instant,
}

/// What was found in the store.
pub(super) struct Found {
    pub(super) schema_before: i64,
    pub(super) schema_after: i64,
    /// Attempts that are not marked as their documents say: after the last earlier node had stopped, and in the end.
    pub(super) marks_left_wrong: usize,
    pub(super) marks_wrong: usize,
    /// What `digota verify` objects to.
    pub(super) verify: Option<String>,
    /// Whether the earlier digota starts once more; if not, its log.
    pub(super) way_back: Result<(), String>,
}

/// Figures, and what is wrong beside what the oracle sees.
pub(super) struct Account {
    pub(super) figures: Figures,
    pub(super) wrong: Vec<String>,
}

/// The figures of a run.
#[derive(Default, Serialize)]
pub(super) struct Figures {
    schema_before: i64,
    schema_after: i64,
    paid_under_earlier: usize,
    paid_under_both: usize,
    paid_under_new: usize,
    declined: usize,
    unknown_outcomes: usize,
    sent_again_usual: usize,
    sent_again_for_restart: usize,
    failed_calls: usize,
    left_unknown: usize,
    longest_pause_before_ms: u128,
    longest_pause_migrating_ms: u128,
    first_start_ms: u128,
    marks_left_wrong: usize,
    marks_wrong: usize,
    events: usize,
    event_streams: usize,
    earlier_starts_again: bool,
}

impl Account {
    pub(super) fn of(
        evidence: &Evidence,
        answers: &[Answer],
        restarts: &[Restart],
        found: Found,
        event_streams: usize,
    ) -> Account {
        let Found { schema_before, schema_after, marks_left_wrong, marks_wrong, .. } = found;
        let mut figures = Figures {
            schema_before,
            schema_after,
            marks_left_wrong,
            marks_wrong,
            unknown_outcomes: evidence.books.attempts.values().filter(|attempt| attempt.checks > 0).count(),
            events: evidence.books.events.len(),
            event_streams,
            earlier_starts_again: found.way_back.is_ok(),
            ..Figures::default()
        };
        figures.count_calls(evidence);
        figures.count_paid(answers, restarts);
        figures.measure(answers, restarts);
        let mut wrong = figures.sort_out(answers, restarts);
        wrong.extend(found.wrong());
        Account { figures, wrong }
    }
}

impl Figures {
    fn count_calls(&mut self, evidence: &Evidence) {
        let calls = || evidence.history.orders.iter().flat_map(|order| &order.calls);
        self.declined = calls().filter(|call| call.refusal() == Some("card_declined")).count();
        let unknown = |call: &&Call| call.may_be_done() && call.done().is_none();
        self.left_unknown = calls().filter(unknown).count() + evidence.history.orders_given_up;
    }

    /// Sorts what was paid by who served then.
    fn count_paid(&mut self, answers: &[Answer], restarts: &[Restart]) {
        let (Some(first), Some(last)) = (restarts.first(), restarts.last()) else { return };
        let mut paid = BTreeSet::new();
        for answer in answers {
            let Said::Done { paid: Some(order) } = answer.said else { continue };
            if !paid.insert(order) {
                continue;
            }
            match answer.at {
                at if at < first.serving => self.paid_under_earlier += 1,
                at if at < last.stop => self.paid_under_both += 1,
                at if at < last.serving => {}
                _ => self.paid_under_new += 1,
            }
        }
    }

    /// The longest pauses between two writes at one of the nodes that stay: in usual times, and while the first new one starts.
    fn measure(&mut self, answers: &[Answer], restarts: &[Restart]) {
        let Some(first) = restarts.first() else { return };
        let mut last: BTreeMap<usize, Instant> = BTreeMap::new();
        let (mut before, mut migrating) = (Duration::ZERO, Duration::ZERO);
        for answer in answers.iter().filter(|answer| answer.node != 0 && answer.life == 1) {
            let Said::Done { .. } = answer.said else { continue };
            let Some(since) = last.insert(answer.node, answer.at) else { continue };
            let pause = answer.at - since;
            if answer.at < first.stop {
                before = before.max(pause);
            } else if answer.at > first.start && since < first.serving {
                migrating = migrating.max(pause);
            }
        }
        self.longest_pause_before_ms = before.as_millis();
        self.longest_pause_migrating_ms = migrating.as_millis();
        self.first_start_ms = (first.serving - first.start).as_millis();
    }

    /// Counts why requests had to be sent again; returns what no client should see.
    fn sort_out(&mut self, answers: &[Answer], restarts: &[Restart]) -> Vec<String> {
        let mut failed = Vec::new();
        for answer in answers {
            let Said::Again { reason, text } = &answer.said else { continue };
            let usual = reason.as_deref().is_some_and(|reason| USUAL.contains(&reason));
            // The connection ends, and the server says nothing any more; as it does when it is told to stop, and never else.
            let restart = restarts.get(answer.node).filter(|_| answer.life == 1);
            let leaves = restart.is_some_and(|restart| answer.at >= restart.stop);
            match (usual, reason) {
                (true, _) => self.sent_again_usual += 1,
                (false, None) if leaves => self.sent_again_for_restart += 1,
                _ => {
                    let reason = reason.as_deref().unwrap_or("no reason");
                    let (node, life, since) = (answer.node, answer.life, moment(answer.at, restarts));
                    failed.push(format!("node {node}, life {life}, {since}: {reason}, {text}"));
                }
            }
        }
        self.failed_calls = failed.len();
        failed
    }

    /// What never happened: a run without it proves nothing.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let needed = [
            (self.paid_under_earlier, "a payment under the earlier digota"),
            (self.paid_under_both, "a payment while both served"),
            (self.paid_under_new, "a payment under this digota"),
            (self.unknown_outcomes, "an outcome that was not known at first"),
            (self.event_streams.saturating_sub(1), "a stream of events that was cut"),
        ];
        needed.into_iter().filter(|(count, _)| *count == 0).map(|(_, what)| what).collect()
    }
}

/// When something was, by the last thing that a restart did before.
fn moment(at: Instant, restarts: &[Restart]) -> String {
    let steps = restarts.iter().zip(0..).flat_map(|(restart, node)| {
        let Restart { stop, start, serving } = *restart;
        [(stop, "was told to stop"), (start, "was started"), (serving, "served")]
            .map(|(at, what)| (at, node, what))
    });
    match steps.filter(|(step, ..)| *step <= at).last() {
        Some((step, node, what)) => format!("{} ms after node {node} {what}", (at - step).as_millis()),
        None => "before the first restart".to_owned(),
    }
}

impl Found {
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.marks_wrong > 0 {
            wrong
                .push(format!("{} attempts are marked otherwise than their documents say", self.marks_wrong));
        }
        if let Some(text) = &self.verify {
            wrong.push(text.clone());
        }
        match &self.way_back {
            Ok(()) if self.schema_after > self.schema_before => {
                wrong.push("the earlier digota started on a later schema".to_owned());
            }
            Err(log) if self.schema_after == self.schema_before || !log.contains(REFUSAL) => {
                wrong.push(format!("the earlier digota did not start again: {log}"));
            }
            _ => {}
        }
        wrong
    }
}

impl Default for Found {
    fn default() -> Found {
        Found {
            schema_before: 0,
            schema_after: 0,
            marks_left_wrong: 0,
            marks_wrong: 0,
            verify: None,
            way_back: Ok(()),
        }
    }
}
