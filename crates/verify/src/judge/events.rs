//! Every version has its event, in the commit that made it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::books::{Books, Event, Noun};
use crate::rule::{EVENTS, Found, VERSIONS};

pub(super) fn judge(books: &Books, found: &mut Found) {
    let first = books.events.first().map_or(1, |event| event.position);
    // Old events may have been dropped: then what an object was before is not known.
    let from_the_start = first == 1;
    let mut last: BTreeMap<(&str, Uuid), &Event> = BTreeMap::new();
    for (event, position) in books.events.iter().zip(first..) {
        found.insist(
            event.position == position,
            EVENTS,
            || format!("event {position}"),
            || format!("the event there is number {}", event.position),
        );
        let before = last.insert((&event.kind, event.object), event);
        follows(before, event, from_the_start, found);
    }
    for noun in Noun::TOLD {
        for (id, version) in versions(books, noun) {
            let told = last.remove(&(noun.name(), id)).map(|event| event.version);
            let fits = told == Some(version) || (told.is_none() && !from_the_start);
            found.insist(
                fits,
                EVENTS,
                || format!("{} {id}", noun.name()),
                || format!("it is at version {version}, its last event tells {told:?}"),
            );
        }
    }
    for ((kind, id), event) in last {
        found.insist(
            event.is_deletion(),
            EVENTS,
            || format!("{kind} {id}"),
            || format!("its last event is {}, and it is not there", event.name),
        );
    }
}

fn follows(before: Option<&Event>, event: &Event, from_the_start: bool, found: &mut Found) {
    let about = || format!("{} {}", event.kind, event.object);
    let Some(before) = before else {
        found.insist(event.version == 1 || !from_the_start, EVENTS, about, || {
            format!("its first event tells version {}", event.version)
        });
        return;
    };
    let (old, new) = (before.version, event.version);
    found.insist(new > old, VERSIONS, about, || format!("{} tells version {new} after {old}", event.name));
    found.insist(new <= old + 1, EVENTS, about, || format!("{} tells version {new} after {old}", event.name));
}

fn versions(books: &Books, noun: Noun) -> Vec<(Uuid, i64)> {
    let ids: Vec<Uuid> = match noun {
        Noun::Product => books.products.keys().copied().collect(),
        Noun::Sku => books.skus.keys().copied().collect(),
        Noun::Order => books.orders.keys().copied().collect(),
        Noun::Charge => books.charges.keys().copied().collect(),
        Noun::Attempt => Vec::new(),
    };
    ids.into_iter().filter_map(|id| Some((id, books.version(noun, id)?))).collect()
}
