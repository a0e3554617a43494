//! Which index a list walks, and what is left to look at row by row.

use digota_core::port::store::{Condition, Kind, Mark};
use digota_core::time::Timestamp;
use rusqlite::types::Value;
use uuid::Uuid;

use super::table::table;

/// A way to walk the records that may meet some conditions.
pub(super) struct Path {
    kind: Kind,
    index: String,
    equality: Option<Equality>,
    sort: &'static str,
    /// After the first mark and before the second, in ascending order.
    bounds: (Mark, Mark),
    /// What the index does not see to.
    pub(super) rest: Vec<Condition>,
}

/// The equality that an index begins with.
pub(super) struct Equality {
    pub(super) condition: Condition,
    /// How much it usually leaves: the lowest is best.
    rank: u8,
    index: &'static str,
    predicate: &'static str,
    value: Value,
}

impl Path {
    /// Through the records in the order of `created`, beginning with the best equality there is.
    pub(super) fn by_created(kind: Kind, conditions: &[Condition]) -> Self {
        let equality = Equality::best(kind, conditions);
        let index = match &equality {
            Some(equality) => equality.index.to_owned(),
            None => format!("{}_created", table(kind).name),
        };
        let mut path = Self { kind, index, equality, sort: "created", bounds: ENDS, rest: vec![] };
        for condition in conditions {
            match condition {
                Condition::Created { from, until } => path.between(*from, *until),
                other if path.equality.as_ref().is_some_and(|equality| equality.condition == *other) => {}
                other => path.rest.push(other.clone()),
            }
        }
        path
    }

    /// Through all records in the order of `updated`.
    pub(super) fn by_updated(kind: Kind, conditions: &[Condition]) -> Self {
        let index = format!("{}_updated", table(kind).name);
        Self { kind, index, equality: None, sort: "updated", bounds: ENDS, rest: conditions.to_vec() }
    }

    /// Through the few records that an equality leaves, sorted by `updated`.
    pub(super) fn sorted_by_updated(kind: Kind, conditions: &[Condition], equality: Equality) -> Self {
        let mut rest = conditions.to_vec();
        rest.retain(|condition| *condition != equality.condition);
        let index = equality.index.to_owned();
        Self { kind, index, equality: Some(equality), sort: "updated", bounds: ENDS, rest }
    }

    /// Only what comes after this mark in the order of the walk.
    pub(super) fn after(&mut self, mark: Mark, descending: bool) {
        if descending { self.end_before(mark) } else { self.begin_after(mark) }
    }

    /// The statement that walks: `rowid, id, created, updated, <keys>`. Takes [`Path::values`].
    pub(super) fn walk(&self, descending: bool) -> String {
        let (keys, sort) = (&table(self.kind).keys, self.sort);
        let direction = if descending { "DESC" } else { "ASC" };
        let from = self.from();
        format!(
            "SELECT rowid, id, created, updated, {keys} {from}
             ORDER BY {sort} {direction}, id {direction} LIMIT ?6 OFFSET ?7"
        )
    }

    /// The statement that counts, without a look at the rest. Takes [`Path::values`].
    pub(super) fn count(&self) -> String {
        format!("SELECT count(*) FROM (SELECT 1 {} LIMIT ?6 OFFSET ?7)", self.from())
    }

    /// What the statements take.
    pub(super) fn values(&self, limit: u32, offset: u32) -> [Value; 7] {
        let (low, high) = self.bounds;
        let id = |id: Uuid| Value::Blob(id.as_bytes().to_vec());
        [
            low.at.0.into(),
            id(low.id),
            high.at.0.into(),
            id(high.id),
            self.equality.as_ref().map_or(Value::Null, |equality| equality.value.clone()),
            limit.into(),
            offset.into(),
        ]
    }

    fn from(&self) -> String {
        let (name, index, sort) = (table(self.kind).name, &self.index, self.sort);
        let predicate = self.equality.as_ref().map_or("?5 IS NULL", |equality| equality.predicate);
        // The planner has no statistics: it is told.
        format!(
            "FROM {name} INDEXED BY {index}
             WHERE {predicate} AND ({sort}, id) > (?1, ?2) AND ({sort}, id) < (?3, ?4)"
        )
    }

    fn between(&mut self, from: Option<Timestamp>, until: Option<Timestamp>) {
        if let Some(from) = from {
            // After the last id of the moment before.
            self.begin_after(Mark { at: Timestamp(from.0.saturating_sub(1)), id: Uuid::max() });
        }
        if let Some(until) = until {
            self.end_before(Mark { at: until, id: Uuid::nil() });
        }
    }

    fn begin_after(&mut self, mark: Mark) {
        let low = &mut self.bounds.0;
        if (low.at, low.id) < (mark.at, mark.id) {
            *low = mark;
        }
    }

    fn end_before(&mut self, mark: Mark) {
        let high = &mut self.bounds.1;
        if (mark.at, mark.id) < (high.at, high.id) {
            *high = mark;
        }
    }
}

/// Before and after everything.
const ENDS: (Mark, Mark) = (
    Mark { at: Timestamp(i64::MIN), id: Uuid::nil() },
    Mark { at: Timestamp(i64::MAX), id: Uuid::max() },
);

impl Equality {
    /// The one that leaves least.
    pub(super) fn best(kind: Kind, conditions: &[Condition]) -> Option<Self> {
        conditions.iter().filter_map(|condition| Self::of(kind, condition)).min_by_key(|equality| equality.rank)
    }

    fn of(kind: Kind, condition: &Condition) -> Option<Self> {
        let (rank, index, predicate, value) = match (kind, condition) {
            (Kind::Sku, Condition::Parent(id)) => (0, "skus_parent", "parent = ?5", bytes(*id)),
            (Kind::Charge, Condition::Order(id)) => (0, "charges_order", "order_id = ?5", bytes(*id)),
            (Kind::Order, Condition::Email(email)) if !email.is_empty() => {
                (0, "orders_email", "email <> '' AND email = ?5", email.clone().into())
            }
            (Kind::Order, Condition::Status(status)) => (1, "orders_status", "status = ?5", (*status).into()),
            (Kind::Product, Condition::Active(active)) => {
                (2, "products_active", "active = ?5", (*active).into())
            }
            // Few are open at a time: they are sorted.
            (Kind::Attempt, Condition::Open) => (0, "attempts_due", "due IS NOT NULL AND ?5 IS NULL", Value::Null),
            (Kind::Attempt, Condition::Concern(concern)) => {
                (0, "attempts_concern", "concern <> 0 AND concern = ?5", (*concern as i64).into())
            }
            (Kind::Sku, Condition::Active(active)) => (2, "skus_active", "active = ?5", (*active).into()),
            _ => return None,
        };
        Some(Self { condition: condition.clone(), rank, index, predicate, value })
    }
}

fn bytes(id: Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}
