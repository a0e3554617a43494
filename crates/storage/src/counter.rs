//! Totals that are kept, not counted: what they are of, and what they are called.

use digota_core::port::store::{Condition, Keys, Kind};

/// What is counted. The position of the last event may be a counter too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// Records of a kind.
    All(Kind),
    /// Records of a kind that meet a condition.
    Meeting(Kind, Condition),
    /// Events.
    Event,
}

impl Counter {
    /// The counters that a record with these keys is in.
    pub(crate) fn of(keys: &Keys) -> impl Iterator<Item = Counter> {
        let kind = keys.kind();
        let meeting = keys.counted().into_iter().map(move |condition| Counter::Meeting(kind, condition));
        std::iter::once(Counter::All(kind)).chain(meeting)
    }

    /// The counter of the records that meet all conditions, if there is one.
    pub(crate) fn for_conditions(kind: Kind, conditions: &[Condition]) -> Option<Counter> {
        let counted = match (kind, conditions) {
            (_, []) => return Some(Counter::All(kind)),
            (Kind::Product | Kind::Sku, [Condition::Active(_)])
            | (Kind::Sku, [Condition::Parent(_)])
            | (Kind::Order, [Condition::Status(_)])
            | (Kind::Charge, [Condition::Order(_)]) => &conditions[0],
            _ => return None,
        };
        Some(Counter::Meeting(kind, counted.clone()))
    }

    /// What it is called in a store: `order`, `order.status=3`.
    pub(crate) fn name(&self) -> String {
        let (kind, condition) = match self {
            Counter::Event => return "event".into(),
            Counter::All(kind) => return kind.name().into(),
            Counter::Meeting(kind, condition) => (kind.name(), condition),
        };
        match condition {
            Condition::Active(active) => format!("{kind}.active={active}"),
            Condition::Parent(parent) => format!("{kind}.parent={parent}"),
            Condition::Status(status) => format!("{kind}.status={status}"),
            Condition::Order(order) => format!("{kind}.order={order}"),
            Condition::Email(_) | Condition::Created { .. } | Condition::Open | Condition::Concern(_) => {
                unreachable!("these are not counted")
            }
        }
    }
}
