//! What an object went through, by its events, is a path of its graph. The graph is stated here, not taken from the shop.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::books::{Books, Noun};
use crate::rule::{Found, PATH};

/// Where an order may go.
const ORDER: &[(&str, &[&str])] = &[
    ("created", &["paid", "canceled"]),
    ("paid", &["fulfilled", "canceled"]),
    ("fulfilled", &["returned"]),
    ("canceled", &[]),
    ("returned", &[]),
];

/// Where a charge may go.
const CHARGE: &[(&str, &[&str])] = &[
    ("pending", &["requires_action", "succeeded", "failed", "authorized"]),
    ("requires_action", &["pending", "succeeded", "failed", "authorized"]),
    ("authorized", &["succeeded", "canceled"]),
    ("succeeded", &[]),
    // Money that comes after its payment was given up.
    ("failed", &["succeeded", "authorized"]),
    ("canceled", &[]),
];

pub(super) fn judge(books: &Books, found: &mut Found) {
    let from_the_start = books.events.first().is_none_or(|event| event.position == 1);
    for (noun, graph) in [(Noun::Order, ORDER), (Noun::Charge, CHARGE)] {
        let mut at: BTreeMap<Uuid, String> = BTreeMap::new();
        for event in books.events.iter().filter(|event| event.kind == noun.name()) {
            let about = || format!("{} {}", noun.name(), event.object);
            let Some(next) = event.status() else {
                found
                    .insist(false, PATH, about, || format!("{} tells no status: {}", event.name, event.body));
                continue;
            };
            let before = at.insert(event.object, next.clone());
            let legal = match &before {
                None => next == graph[0].0 || !from_the_start,
                Some(before) => may_become(graph, before, &next),
            };
            found.insist(legal, PATH, about, || {
                format!("{next} after {before:?} at version {}", event.version)
            });
        }
        for (id, last) in at {
            let now = match noun {
                Noun::Order => books.orders.get(&id).map(|order| &order.status),
                _ => books.charges.get(&id).map(|charge| &charge.status),
            };
            found.insist(
                now.is_none_or(|now| *now == last),
                PATH,
                || format!("{} {id}", noun.name()),
                || format!("it is {now:?}, its last event says {last}"),
            );
        }
    }
}

/// Whether the graph has this edge. To stay is legal: other things than the status change.
fn may_become(graph: &[(&str, &[&str])], from: &str, to: &str) -> bool {
    let edges = graph.iter().find(|(status, _)| *status == from).map(|(_, next)| *next);
    edges.is_some_and(|next| from == to || next.contains(&to))
}
