//! The verdict on a schedule that was played: the oracle's, and what the world itself saw that must never happen.

mod history;

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use digota_oracle::{Evidence, When, memory};

use crate::people::{Call, Outcome, People};
use crate::plan::{Plan, What};
use crate::run::{Played, play};
use crate::stage::{Stage, at_once};
use crate::world::Trace;

/// What came of a schedule.
pub struct Verdict {
    /// What must never be.
    pub violations: Vec<Breach>,
    /// How often what went wrong or was remarkable.
    pub counts: BTreeMap<&'static str, u64>,
    /// What happened.
    pub trace: Trace,
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which rule is broken.
    pub rule: String,
    /// By what, and how.
    pub text: String,
}

impl Display for Breach {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

impl Verdict {
    /// Whether this rule is broken.
    pub fn breaks(&self, rule: &str) -> bool {
        self.violations.iter().any(|breach| breach.rule == rule)
    }
}

/// Plays a schedule and judges it. `loud` keeps the trace's lines.
pub fn play_and_judge(plan: &Plan, loud: bool) -> Verdict {
    let played = play(plan, loud);
    let violations = judge_played(&played);
    let counts = counts(plan, &played);
    let trace = played.stage.world.trace();
    played.stage.end();
    Verdict { violations, counts, trace }
}

/// Judges a world after its end: what was wrong in the middle, and what is wrong now.
pub fn judge_played(played: &Played) -> Vec<Breach> {
    let mut found = played.before_mending.clone();
    found.extend(judge(&played.stage, &played.people, When::AtRest));
    found
}

/// Judges a world as it is.
pub(crate) fn judge(stage: &Stage, people: &People, when: When) -> Vec<Breach> {
    let alarm = |text: String| Breach { rule: "alarm".to_owned(), text };
    let mut found: Vec<Breach> = told_otherwise(people).map(alarm).collect();
    if when == When::AtRest {
        found.extend(stage.alarms().into_iter().map(alarm));
    }
    let books = match at_once(memory::books(&stage.store, &stage.store)) {
        Ok(books) => books,
        Err(error) => {
            found.push(alarm(error.to_string()));
            return found;
        }
    };
    let history = history::of(people);
    // Where nobody follows, the store's own list stands for what was received.
    let events = if stage.setup.follower { people.known().followed.clone() } else { books.events.clone() };
    let evidence = Evidence { history, journal: memory::journal(&stage.gateway), books, events };
    let breaches = digota_oracle::judge(&evidence, when).into_iter().map(|violation| Breach {
        rule: violation.rule.to_string(),
        text: format!("{}: {}", violation.about, violation.how),
    });
    found.extend(breaches);
    found
}

/// Requests of which two OKs, to one key, differ in any field.
fn told_otherwise(people: &People) -> impl Iterator<Item = String> + use<> {
    let calls: Vec<(usize, Call)> = {
        let known = people.known();
        known.calls.iter().map(|(number, call)| (*number, call.clone())).collect()
    };
    calls.into_iter().filter(|(_, call)| call.key.is_some()).filter_map(|(number, call)| {
        let mut done = call.heard.iter().filter_map(|heard| match &heard.outcome {
            Outcome::Done(told) if told.is_final() => Some(told),
            _ => None,
        });
        let first = done.next()?;
        let other = done.find(|told| *told != first)?;
        Some(format!("the key of #{number} was told {first:?}, and then {other:?}"))
    })
}

fn counts(plan: &Plan, played: &Played) -> BTreeMap<&'static str, u64> {
    let mut counts = played.stage.world.counts();
    if plan.setup.always_yes {
        *counts.entry("locks that say always yes").or_default() += 1;
    }
    let known = played.people.known();
    let paid = |order: usize| {
        let pays = known
            .calls
            .iter()
            .filter(move |(_, call)| matches!(call.what, What::Pay { order: paid, .. } if paid == order));
        pays.filter(|(number, _)| known.made(**number).is_some()).count()
    };
    let joins = known.calls.keys().filter(|order| paid(**order) > 1).count();
    *counts.entry("joins").or_default() += joins as u64;
    counts
}
