//! What of a state matters for what can happen next.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use digota_core::port::Clock;
use digota_core::time::Timestamp;
use digota_oracle::books::{Attempt, Books};
use digota_oracle::history::Outcome;
use digota_oracle::journal::Entry;
use digota_oracle::{Evidence, When, judge};
use digota_planted::node::Hold;
use uuid::Uuid;

use crate::play::Play;
use crate::step::Step;

/// A state: how it came about, and what it is like.
#[derive(Clone, Debug)]
pub struct State {
    /// One way to it.
    pub path: Vec<Step>,
    /// What it is like.
    pub shape: Shape,
    /// What is wrong now.
    pub wrong: Vec<String>,
    /// What would be wrong at rest, if the janitor alone went on from here.
    pub no_way_out: Vec<String>,
}

/// What a state is like. Ids, moments and counts are left out: no step depends on them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    order: Option<OrderShape>,
    charges: BTreeSet<ChargeShape>,
    stock: (i64, i64),
    open: Option<OpenShape>,
    /// Where a payment is held, and what became of its attempt meanwhile.
    held: Option<(Hold, Option<String>)>,
    /// What each request was told.
    told: BTreeMap<String, &'static str>,
    keys: BTreeMap<String, &'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OrderShape {
    status: String,
    paid: bool,
    refunded: i64,
    expired: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ChargeShape {
    status: String,
    refunded: i64,
    refund_failed: bool,
    /// Where its attempts stand at the gateway.
    at_the_gateway: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OpenShape {
    effect: String,
    state: String,
    /// Where it stands at the gateway; `None` without a trace.
    at_the_gateway: Option<String>,
    leased: bool,
    looked: bool,
}

/// The way to it is not a part of what it is.
impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        (&self.shape, &self.wrong, &self.no_way_out) == (&other.shape, &other.wrong, &other.no_way_out)
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.shape, &self.wrong, &self.no_way_out).hash(hasher);
    }
}

impl Shape {
    pub(crate) async fn of(play: &Play, evidence: &Evidence) -> Shape {
        let (books, now) = (&evidence.books, play.world.clock.now());
        let last: BTreeMap<Uuid, &Entry> =
            evidence.journal.iter().map(|entry| (entry.attempt, entry)).collect();
        let stock = books.stock.values().next().map_or((0, 0), |stock| (stock.on_hand, stock.reserved));
        let leases: BTreeMap<Uuid, Timestamp> = play
            .open()
            .await
            .iter()
            .filter_map(|record| Some((record.id, crate::play::due(record)?)))
            .collect();
        let open =
            books.attempts.iter().find(|(_, attempt)| !attempt.is_final()).map(|(id, attempt)| OpenShape {
                effect: attempt.effect().to_owned(),
                state: attempt.state.clone(),
                at_the_gateway: last.get(id).map(|entry| entry.status.clone()),
                leased: leases.get(id).is_some_and(|due| *due > now),
                looked: attempt.checks > 0,
            });
        Shape {
            order: order(play, books, now).await,
            charges: charges(books, &last),
            stock,
            open,
            held: play.held.as_ref().map(|(_, hold, _)| (*hold, held_attempt(books, play))),
            told: told(evidence),
            keys: keys(books),
        }
    }
}

impl State {
    /// What steps lead to.
    pub(crate) async fn of(path: Vec<Step>, play: &Play) -> (State, Evidence) {
        let evidence = play.evidence().await;
        let wrong = judge(&evidence, When::Running).iter().map(ToString::to_string).collect();
        let shape = Shape::of(play, &evidence).await;
        (State { path, shape, wrong, no_way_out: Vec::new() }, evidence)
    }
}

async fn order(play: &Play, books: &Books, now: Timestamp) -> Option<OrderShape> {
    let id = play.order?;
    let order = books.orders.get(&id.0)?;
    let expires = play.expires().await;
    Some(OrderShape {
        status: order.status.clone(),
        paid: order.charge.is_some(),
        refunded: order.refunded,
        expired: now >= expires,
    })
}

fn charges(books: &Books, last: &BTreeMap<Uuid, &Entry>) -> BTreeSet<ChargeShape> {
    let of = |(id, charge): (&Uuid, &digota_oracle::books::Charge)| ChargeShape {
        status: charge.status.clone(),
        refunded: charge.refunded,
        refund_failed: charge.refunds.iter().any(|refund| refund.status == "failed"),
        at_the_gateway: books
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.charge == *id)
            .map(|(id, attempt)| trace(attempt, last.get(id).copied()))
            .collect(),
    };
    books.charges.iter().map(of).collect()
}

fn trace(attempt: &Attempt, entry: Option<&Entry>) -> String {
    let there = entry.map_or("no trace", |entry| entry.status.as_str());
    format!("{} {} {there}", attempt.effect(), attempt.state)
}

/// What became of the attempt that a held payment wrote.
fn held_attempt(books: &Books, play: &Play) -> Option<String> {
    let key = play.held_key()?;
    let mine = |attempt: &&Attempt| attempt.client_key.as_ref().is_some_and(|scope| scope.key == key);
    books.attempts.values().find(mine).map(|attempt| attempt.state.clone())
}

/// The name of a request without the number that makes its key its own.
fn kind_of(key: &str) -> String {
    key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end().to_owned()
}

fn told(evidence: &Evidence) -> BTreeMap<String, &'static str> {
    let orders = evidence.history.orders.iter().flat_map(|order| &order.calls);
    let charges = evidence.history.charges.iter().flat_map(|charge| &charge.calls);
    let mut told = BTreeMap::new();
    for call in orders.chain(charges) {
        let word = match call.result() {
            Outcome::Done(_) => "done",
            Outcome::Declined(_) => "declined",
            Outcome::Refused(_) => "refused",
            Outcome::Unknown(_) => "unknown",
        };
        told.insert(kind_of(call.key.as_ref().map_or("", |scope| &scope.key)), word);
    }
    told
}

fn keys(books: &Books) -> BTreeMap<String, &'static str> {
    let word = |key: &digota_oracle::books::Key| match &key.answer {
        None => "open",
        Some(answer) if answer.get("Ok").is_some() => "done",
        Some(_) => "declined",
    };
    books.keys.iter().map(|key| (kind_of(&key.scope.key), word(key))).collect()
}
