//! Every change was told, once and in order.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Case, Found};

pub(super) const DENSE: &str = "event positions have no gap";
pub(super) const ORDERED: &str = "events of one object come in the order of its versions, without a gap";
pub(super) const LAST: &str = "a record is as its last event says";

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let mut last: BTreeMap<(&str, Uuid), i64> = BTreeMap::new();
    for (event, position) in case.books.events.iter().zip(1i64..) {
        found.insist(event.position == position, DENSE, || {
            format!("the event number {position} is at {}", event.position)
        });
        let version = last.entry((&event.kind, event.object)).or_default();
        found.insist(event.version == *version + 1, ORDERED, || {
            format!("{} {}: version {} after {version}", event.kind, event.object, event.version)
        });
        *version = event.version;
    }
    for (kind, id, version) in &case.books.versions {
        let told = last.remove(&(kind.as_str(), *id));
        found.insist(told == Some(*version), LAST, || format!("{kind} {id} is at {version}, told {told:?}"));
    }
    for (kind, id) in last.keys() {
        found.insist(false, LAST, || format!("{kind} {id} has events and is not there"));
    }
}
