//! Totals that are kept, not counted.

use digota_core::port::store::{Condition, Keys, Kind};
use rusqlite::{Connection, OptionalExtension, params};

/// What is counted. The position of the last event is a counter too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counter {
    /// Records of a kind.
    All(Kind),
    /// Records of a kind that meet a condition.
    Meeting(Kind, Condition),
    /// Events.
    Event,
}

impl Counter {
    /// The counters that a record with these keys is in.
    pub(super) fn of(keys: &Keys) -> impl Iterator<Item = Counter> {
        let kind = keys.kind();
        let meeting = keys.counted().into_iter().map(move |condition| Counter::Meeting(kind, condition));
        std::iter::once(Counter::All(kind)).chain(meeting)
    }

    /// The counter of the records that meet all conditions, if there is one.
    pub(super) fn for_conditions(kind: Kind, conditions: &[Condition]) -> Option<Counter> {
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

    /// The total now.
    pub(super) fn read(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut statement = connection.prepare_cached("SELECT n FROM counters WHERE key = ?1")?;
        let n = statement.query_row([self.name()], |row| row.get(0)).optional()?;
        Ok(n.unwrap_or(0))
    }

    /// Changes the total. A total of nothing is not kept.
    pub(super) fn add(&self, connection: &Connection, n: i64) -> rusqlite::Result<()> {
        let name = self.name();
        let mut add = connection.prepare_cached("UPDATE counters SET n = n + ?2 WHERE key = ?1")?;
        if add.execute(params![name, n])? == 0 {
            connection.prepare_cached("INSERT INTO counters (key, n) VALUES (?1, ?2)")?.execute(params![name, n])?;
        } else if n < 0 {
            connection.prepare_cached("DELETE FROM counters WHERE key = ?1 AND n = 0")?.execute([name])?;
        }
        Ok(())
    }

    fn name(&self) -> String {
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
            Condition::Email(_) | Condition::Created { .. } => unreachable!("these are not counted"),
        }
    }
}
