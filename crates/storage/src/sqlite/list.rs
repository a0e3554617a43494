//! Lists and totals, with a bound on how much one of them may look at.

use digota_core::port::store::{
    Condition, Kind, Mark, PAGE_BYTES, Page, Query, Record, SCAN_BUDGET, StoreError, Total,
};
use digota_core::time::Timestamp;
use rusqlite::{Connection, Row, params_from_iter};

use super::counter::Counter;
use super::path::{Equality, Path};
use super::point::at_once;
use super::table::{keys, record, table};
use crate::condition::is_possible;

/// The most records that are sorted for a page. More are dense enough to be met among all that changed.
const SORT_MAX: u64 = 1000;

/// One page, as of one moment.
///
/// What an index alone can skip is skipped without a look, however much it is. Where rows must be looked at, what the
/// offset skips counts for the budget.
pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    if query.limit == 0 || !query.conditions.iter().all(|condition| is_possible(query.kind, condition)) {
        return Ok(Page::default());
    }
    at_once(connection, || {
        let found = walk(connection, query)?;
        read(connection, query, found)
    })
}

/// The records of the rows, as many as fit on a page.
fn read(connection: &Connection, query: &Query, found: Found) -> rusqlite::Result<Page> {
    let mut statement = connection.prepare_cached(&table(query.kind).by_row)?;
    let mut records: Vec<Record> = Vec::with_capacity(found.rows.len());
    let mut bytes = 0;
    for row in found.rows {
        let record = statement.query_row([row], |row| record(query.kind, row))?;
        bytes += record.body.len();
        if let Some(last) = records.last().filter(|_| bytes > PAGE_BYTES) {
            let at = if query.order.by_updated { last.updated } else { last.created };
            let next = Some(Mark { at, id: last.id });
            return Ok(Page { records, next, skip: 0 });
        }
        records.push(record);
    }
    Ok(Page { records, next: found.next, skip: found.skip })
}

/// Refuses a list of all attempts: there is no index for it.
pub(super) fn listable(kind: Kind, conditions: &[Condition]) -> Result<(), StoreError> {
    match kind != Kind::Attempt || Equality::best(kind, conditions).is_some() {
        true => Ok(()),
        false => Err(StoreError::Broken("attempts are listed by what they need".into())),
    }
}

/// Whether a total is kept, so that nothing needs to be counted.
pub(super) fn is_kept(kind: Kind, conditions: &[Condition]) -> bool {
    Counter::for_conditions(kind, conditions).is_some()
}

/// How many records of a kind meet all conditions.
pub(super) fn count(connection: &Connection, kind: Kind, conditions: &[Condition]) -> rusqlite::Result<Total> {
    if let Some(counter) = Counter::for_conditions(kind, conditions) {
        let count = counter.read(connection)?.cast_unsigned();
        return Ok(Total { count, capped: false });
    }
    if !conditions.iter().all(|condition| is_possible(kind, condition)) {
        return Ok(Total { count: 0, capped: false });
    }
    let path = Path::by_created(kind, conditions);
    let budget = u64::from(SCAN_BUDGET);
    if path.rest.is_empty() {
        let mut statement = connection.prepare_cached(&path.count())?;
        let values = params_from_iter(path.values(SCAN_BUDGET + 1, 0));
        let found: i64 = statement.query_row(values, |row| row.get(0))?;
        let found = found.cast_unsigned();
        return Ok(Total { count: found.min(budget), capped: found > budget });
    }
    let mut statement = connection.prepare_cached(&path.walk(false))?;
    let mut rows = statement.query(params_from_iter(path.values(SCAN_BUDGET + 1, 0)))?;
    let (mut looked, mut count) = (0, 0);
    while let Some(row) = rows.next()? {
        if looked == budget {
            return Ok(Total { count, capped: true });
        }
        looked += 1;
        count += u64::from(meets_rest(kind, &path, row)?);
    }
    Ok(Total { count, capped: false })
}

/// The rows of a page, where the next one begins, and how many matches it has still to skip.
struct Found {
    rows: Vec<i64>,
    next: Option<Mark>,
    skip: u32,
}

fn walk(connection: &Connection, query: &Query) -> rusqlite::Result<Found> {
    let descending = query.order.descending;
    let mut path = choose(connection, query)?;
    if let Some(mark) = query.after {
        path.after(mark, descending);
    }
    let is_exact = path.rest.is_empty();
    let (budget, offset, mut skip) = match is_exact {
        true => (query.limit, query.offset, 0),
        false => (SCAN_BUDGET, 0, query.offset),
    };
    let mut statement = connection.prepare_cached(&path.walk(descending))?;
    // One more than the budget tells whether anything follows.
    let mut rows = statement.query(params_from_iter(path.values(budget.saturating_add(1), offset)))?;
    let mut found = vec![];
    let mut last = None;
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        let is_match = is_exact || meets_rest(query.kind, &path, row)?;
        let is_full = is_match && found.len() == query.limit as usize;
        if looked == budget || is_full {
            return Ok(Found { rows: found, next: last, skip });
        }
        looked += 1;
        last = Some(mark(row, query.order.by_updated)?);
        if is_match && skip > 0 {
            skip -= 1;
        } else if is_match {
            found.push(row.get(0)?);
        }
    }
    Ok(Found { rows: found, next: None, skip: 0 })
}

fn choose(connection: &Connection, query: &Query) -> rusqlite::Result<Path> {
    let (kind, conditions) = (query.kind, query.conditions.as_slice());
    if !query.order.by_updated {
        return Ok(Path::by_created(kind, conditions));
    }
    if let Some(equality) = Equality::best(kind, conditions) {
        let total = count(connection, kind, std::slice::from_ref(&equality.condition))?;
        if !total.capped && total.count <= SORT_MAX {
            return Ok(Path::sorted_by_updated(kind, conditions, equality));
        }
    }
    Ok(Path::by_updated(kind, conditions))
}

fn mark(row: &Row<'_>, by_updated: bool) -> rusqlite::Result<Mark> {
    let at = if by_updated { row.get(3)? } else { row.get(2)? };
    Ok(Mark { at: Timestamp(at), id: row.get(1)? })
}

fn meets_rest(kind: Kind, path: &Path, row: &Row<'_>) -> rusqlite::Result<bool> {
    let keys = keys(kind, row, 4)?;
    let created = Timestamp(row.get(2)?);
    Ok(path.rest.iter().all(|condition| keys.meet(created, condition)))
}
