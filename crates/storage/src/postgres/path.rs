//! Which index a list walks, and what is left to look at row by row.

use digota_core::port::store::{Condition, Kind, Mark};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::table::{Params, table};

/// A way to walk the records that may meet some conditions.
pub(super) struct Path {
    kind: Kind,
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
}

impl Path {
    /// Through the records in the order of `created`, beginning with the best equality there is.
    pub(super) fn by_created(kind: Kind, conditions: &[Condition]) -> Self {
        let equality = Equality::best(kind, conditions);
        let mut path = Self { kind, equality, sort: "created", bounds: ENDS, rest: vec![] };
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
        Self { kind, equality: None, sort: "updated", bounds: ENDS, rest: conditions.to_vec() }
    }

    /// Through the few records that an equality leaves, sorted by `updated`.
    pub(super) fn sorted_by_updated(kind: Kind, conditions: &[Condition], equality: Equality) -> Self {
        let mut rest = conditions.to_vec();
        rest.retain(|condition| *condition != equality.condition);
        Self { kind, equality: Some(equality), sort: "updated", bounds: ENDS, rest }
    }

    /// Only what comes after this mark in the order of the walk.
    pub(super) fn after(&mut self, mark: Mark, descending: bool) {
        if descending { self.end_before(mark) } else { self.begin_after(mark) }
    }

    /// `FROM … WHERE …` without the rest, and what it takes.
    pub(super) fn from(&self) -> (String, Params<'static>) {
        let (name, sort, (low, high)) = (table(self.kind).name, self.sort, self.bounds);
        let mut params: Params<'static> =
            vec![Box::new(low.at.0), Box::new(low.id), Box::new(high.at.0), Box::new(high.id)];
        let equality = match &self.equality {
            Some(equality) => format!("{} AND ", predicate(&equality.condition, &mut params)),
            None => String::new(),
        };
        let from = format!("FROM {name} WHERE {equality}({sort}, id) > ($1, $2) AND ({sort}, id) < ($3, $4)");
        (from, params)
    }

    /// Whether a row meets the rest; adds what that takes.
    pub(super) fn meets_rest(&self, params: &mut Params<'static>) -> String {
        let predicates: Vec<String> =
            self.rest.iter().map(|condition| format!("({})", predicate(condition, params))).collect();
        predicates.join(" AND ")
    }

    /// The order of the walk.
    pub(super) fn order(&self, descending: bool) -> String {
        let direction = if descending { "DESC" } else { "ASC" };
        format!("{} {direction}, id {direction}", self.sort)
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

    /// The equalities that have an index.
    fn of(kind: Kind, condition: &Condition) -> Option<Self> {
        let rank = match (kind, condition) {
            (Kind::Sku, Condition::Parent(_)) | (Kind::Charge, Condition::Order(_)) => 0,
            (Kind::Order, Condition::Email(email)) if !email.is_empty() => 0,
            (Kind::Order, Condition::Status(_)) => 1,
            // Few are open at a time: they are sorted.
            (Kind::Attempt, Condition::Open | Condition::Concern(_)) => 0,
            (Kind::Product | Kind::Sku, Condition::Active(_)) => 2,
            _ => return None,
        };
        Some(Self { condition: condition.clone(), rank })
    }
}

/// A condition as SQL; adds what it takes.
fn predicate(condition: &Condition, params: &mut Params<'static>) -> String {
    let mut slot = |param| {
        params.push(param);
        params.len()
    };
    match condition {
        Condition::Active(active) => format!("active = ${}", slot(Box::new(*active))),
        Condition::Parent(parent) => format!("parent = ${}", slot(Box::new(*parent))),
        Condition::Status(status) => format!("status = ${}", slot(Box::new(i16::from(*status)))),
        // The index of addresses leaves out orders that have none.
        Condition::Email(email) if email.is_empty() => "email = ''".to_owned(),
        Condition::Email(email) => format!("email <> '' AND email = ${}", slot(Box::new(email.clone()))),
        Condition::Order(order) => format!("order_id = ${}", slot(Box::new(*order))),
        Condition::Open => "due IS NOT NULL".to_owned(),
        Condition::Concern(concern) => format!("concern <> 0 AND concern = ${}", slot(Box::new(*concern as i16))),
        Condition::Created { from, until } => {
            let from = slot(Box::new(from.map_or(i64::MIN, |from| from.0)));
            let last = slot(Box::new(until.map_or(i64::MAX, |until| until.0.saturating_sub(1))));
            format!("created BETWEEN ${from} AND ${last}")
        }
    }
}
