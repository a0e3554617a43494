//! Every change was told to whoever follows, in order, and no secret with it.

use std::collections::{BTreeMap, BTreeSet};

use digota_verify::Found;
use uuid::Uuid;

use super::Case;
use crate::evidence::books::Event;
use crate::rules::{DELIVERED, IN_ORDER, NO_PHANTOM, SECRETS};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let kept: BTreeMap<i64, &Event> = case.books.events.iter().map(|event| (event.position, event)).collect();
    let mut received = BTreeSet::new();
    let mut last: BTreeMap<(&str, Uuid), i64> = BTreeMap::new();
    let mut ids: BTreeMap<Uuid, i64> = BTreeMap::new();
    for event in case.events {
        let about = || format!("{} {}", event.kind, event.object);
        found.insist(kept.get(&event.position) == Some(&event), NO_PHANTOM, about, || {
            format!("received was {event:?}, kept is {:?}", kept.get(&event.position))
        });
        if !received.insert(event.position) {
            continue;
        }
        let other = ids.insert(event.id, event.position);
        found.insist(!event.id.is_nil() && other.is_none(), SECRETS, about, || {
            format!("the event at {} has the identity of that at {other:?}", event.position)
        });
        let before = last.insert((&event.kind, event.object), event.version);
        // Who begins in the middle can't know what was before.
        let begins = before.is_none() && event.position > 1 && case.events[0].position > 1;
        found.insist(begins || event.version == before.unwrap_or(0) + 1, IN_ORDER, about, || {
            format!("version {} was received after {before:?}", event.version)
        });
    }
    let first = case.events.first().map_or(1, |event| event.position);
    for event in case.books.events.iter().filter(|event| case.at_rest && event.position >= first) {
        found.insist(
            received.contains(&event.position),
            DELIVERED,
            || format!("event {}", event.position),
            || format!("{} of {} was never received", event.name, event.object),
        );
    }
    no_secrets(case, found);
}

fn no_secrets(case: &Case<'_>, found: &mut Found) {
    for (number, secret) in (1..).zip(&case.history.secrets) {
        let holds = |event: &&Event| event.body.contains(secret) || event.name.contains(secret);
        for event in case.events.iter().chain(&case.books.events).filter(holds) {
            found.insist(
                false,
                SECRETS,
                || format!("event {}", event.position),
                || format!("{} of {} holds secret {number}", event.name, event.object),
            );
        }
    }
}
