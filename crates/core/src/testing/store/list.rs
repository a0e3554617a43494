//! Lists and totals, as if over indexes: a walk meets one condition by itself, the others are looked up record by record.

use uuid::Uuid;

use super::State;
use crate::port::store::{
    Condition, Kind, Mark, Order, PAGE_BYTES, Page, Query, Record, SCAN_BUDGET, StoreError, Total,
};
use crate::time::Timestamp;

/// One page. Records that `offset` skips do not count as looked at: the caller bounds it.
pub(super) fn page(state: &State, query: &Query) -> Result<Page, StoreError> {
    listable(query.kind, &query.conditions)?;
    let mut page = Page { skip: query.offset, ..Page::default() };
    let (mut looked, mut bytes, mut last) = (0, 0, None);
    for record in walk(state, query) {
        let matches = meets(record, &query.conditions);
        let is_heavy = !page.records.is_empty() && bytes + record.body.len() > PAGE_BYTES;
        let is_full = is_heavy || page.records.len() == query.limit as usize;
        if looked == SCAN_BUDGET || (matches && is_full) {
            page.next = last;
            return Ok(page);
        }
        last = Some(mark(record, query.order));
        if matches && page.skip > 0 {
            page.skip -= 1;
            continue;
        }
        looked += 1;
        if matches {
            bytes += record.body.len();
            page.records.push(record.clone());
        }
    }
    Ok(Page { skip: 0, ..page })
}

/// Attempts have no list of all of them.
fn listable(kind: Kind, conditions: &[Condition]) -> Result<(), StoreError> {
    let by_need = |condition: &Condition| matches!(condition, Condition::Open | Condition::Concern(_));
    match kind != Kind::Attempt || conditions.iter().any(by_need) {
        true => Ok(()),
        false => Err(StoreError::Broken("attempts are listed by what they need".to_owned())),
    }
}

/// How many records meet all conditions: exact where a real store keeps a counter.
pub(super) fn count(state: &State, kind: Kind, conditions: &[Condition]) -> Total {
    let count = state.of_kind(kind).filter(|record| meets(record, conditions)).count() as u64;
    let exact = match conditions {
        [] => true,
        [one] => is_counted(kind, one),
        _ => false,
    };
    match exact || count <= u64::from(SCAN_BUDGET) {
        true => Total { count, capped: false },
        false => Total { count: SCAN_BUDGET.into(), capped: true },
    }
}

/// The records that a page may look at, in order: what follows the mark in the index nearest to the query.
fn walk<'a>(state: &'a State, query: &'a Query) -> impl Iterator<Item = &'a Record> {
    let in_index =
        |record: &&Record| index(query).all(|condition| record.keys.meet(record.created, condition));
    let position = |record: &Record| {
        let mark = mark(record, query.order);
        (mark.at, mark.id)
    };
    let mut records: Vec<&Record> = state.of_kind(query.kind).filter(in_index).collect();
    records.sort_by_key(|record| position(record));
    if query.order.descending {
        records.reverse();
    }
    records
        .into_iter()
        .skip_while(move |record| query.after.is_some_and(|after| !follows(record, after, query.order)))
}

/// The conditions that an index meets: one equality, and the range of the moment that the list is sorted by.
fn index(query: &Query) -> impl Iterator<Item = &Condition> {
    let is_range = |condition: &&Condition| matches!(condition, Condition::Created { .. });
    let equality = query.conditions.iter().find(move |condition| !is_range(condition));
    let ranges = query.conditions.iter().filter(is_range);
    equality.into_iter().chain(ranges.filter(|_| !query.order.by_updated))
}

fn meets(record: &Record, conditions: &[Condition]) -> bool {
    conditions.iter().all(|condition| record.keys.meet(record.created, condition))
}

fn is_counted(kind: Kind, condition: &Condition) -> bool {
    matches!(
        (kind, condition),
        (Kind::Product | Kind::Sku, Condition::Active(_))
            | (Kind::Sku, Condition::Parent(_))
            | (Kind::Order, Condition::Status(_))
            | (Kind::Charge, Condition::Order(_))
    )
}

fn mark(record: &Record, order: Order) -> Mark {
    Mark { at: if order.by_updated { record.updated } else { record.created }, id: record.id }
}

fn follows(record: &Record, after: Mark, order: Order) -> bool {
    let here = mark(record, order);
    let (here, after): ((Timestamp, Uuid), _) = ((here.at, here.id), (after.at, after.id));
    if order.descending { here < after } else { here > after }
}
