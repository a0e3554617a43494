//! Lists and totals, with a bound on how much one of them may look at.

use digota_core::port::store::{Condition, Kind, Mark, PAGE_BYTES, Page, Query, Record, SCAN_BUDGET, StoreError, Total};
use digota_core::time::Timestamp;

use super::path::{Equality, Path};
use super::point::rows;
use super::read::{Length, Readers};
use super::session::Call;
use super::table::{record, table};
use crate::condition::is_possible;
use crate::counter::Counter;

/// The most records that are sorted for a page. More are dense enough to be met among all that changed.
const SORT_MAX: u64 = 1000;

/// One page, as of one moment: one statement.
///
/// What an index alone can skip is skipped without a look, however much it is. Where rows must be looked at, what the
/// offset skips counts for the budget.
pub(super) async fn list(readers: &Readers, query: &Query) -> Result<Page, StoreError> {
    if query.limit == 0 || !query.conditions.iter().all(|condition| is_possible(query.kind, condition)) {
        return Ok(Page::default());
    }
    let mut path = choose(readers, query).await?;
    if let Some(mark) = query.after {
        path.after(mark, query.order.descending);
    }
    match path.rest.is_empty() {
        true => from_index(readers, query, &path).await,
        false => row_by_row(readers, query, &path).await,
    }
}

/// Refuses a list of all attempts: there is no index for it.
pub(super) fn refuse_all_attempts(kind: Kind, conditions: &[Condition]) -> Result<(), StoreError> {
    match kind != Kind::Attempt || Equality::best(kind, conditions).is_some() {
        true => Ok(()),
        false => Err(StoreError::Broken("attempts are listed by what they need".into())),
    }
}

/// How many records of a kind meet all conditions.
pub(super) async fn count(
    readers: &Readers,
    kind: Kind,
    conditions: &[Condition],
) -> Result<Total, StoreError> {
    if let Some(counter) = Counter::for_conditions(kind, conditions) {
        let sql = "SELECT coalesce(sum(n), 0)::bigint FROM counters WHERE key = $1";
        let call = Call::new(sql, vec![Box::new(counter.name())]);
        let sum = rows(readers, Length::Short, &call, |row| row.try_get::<_, i64>(0)).await?;
        return Ok(Total { count: sum.first().map_or(0, |n| n.cast_unsigned()), capped: false });
    }
    if !conditions.iter().all(|condition| is_possible(kind, condition)) {
        return Ok(Total { count: 0, capped: false });
    }
    let path = Path::by_created(kind, conditions);
    let (from, mut params) = path.from();
    let is_match = if path.rest.is_empty() { "true".to_owned() } else { path.meets_rest(&mut params) };
    let sql = format!(
        "SELECT count(*) FILTER (WHERE is_match AND n <= {SCAN_BUDGET}), count(*) > {SCAN_BUDGET} FROM (
             SELECT is_match, row_number() OVER () AS n FROM (
                 SELECT {is_match} AS is_match {from} ORDER BY {} LIMIT {SCAN_BUDGET} + 1
             ) AS walk
         ) AS seen",
        path.order(false)
    );
    let read = |row: &tokio_postgres::Row| Ok((row.try_get::<_, i64>(0)?, row.try_get(1)?));
    let found = rows(readers, Length::Long, &Call::new(&sql, params), read).await?;
    let (count, capped) = found.first().copied().unwrap_or_default();
    Ok(Total { count: count.cast_unsigned(), capped })
}

async fn choose(readers: &Readers, query: &Query) -> Result<Path, StoreError> {
    let (kind, conditions) = (query.kind, query.conditions.as_slice());
    if !query.order.by_updated {
        return Ok(Path::by_created(kind, conditions));
    }
    if let Some(equality) = Equality::best(kind, conditions) {
        let total = count(readers, kind, std::slice::from_ref(&equality.condition)).await?;
        if !total.capped && total.count <= SORT_MAX {
            return Ok(Path::sorted_by_updated(kind, conditions, equality));
        }
    }
    Ok(Path::by_updated(kind, conditions))
}

/// The index alone says which records are on the page; only those are read.
async fn from_index(readers: &Readers, query: &Query, path: &Path) -> Result<Page, StoreError> {
    let (from, mut params) = path.from();
    let order = path.order(query.order.descending);
    params.push(Box::new(i64::from(query.limit) + 1));
    let limit = params.len();
    params.push(Box::new(i64::from(query.offset)));
    let offset = params.len();
    let (name, columns) = (table(query.kind).name, &table(query.kind).columns);
    let sql = format!(
        "SELECT {columns} FROM (
             SELECT id, row_number() OVER () AS n FROM (
                 SELECT id {from} ORDER BY {order} LIMIT ${limit} OFFSET ${offset}
             ) AS walk
         ) AS page JOIN {name} AS t ON t.id = page.id ORDER BY page.n"
    );
    let mut records =
        rows(readers, Length::Long, &Call::new(&sql, params), |row| record(query.kind, row, 0)).await?;
    let next = more(&mut records, query);
    Ok(Page { records, next, skip: 0 })
}

/// Looks at the records of the walk one by one, no more than the budget allows. Where it ends before the page is full, the
/// last record that was looked at says where to go on.
async fn row_by_row(readers: &Readers, query: &Query, path: &Path) -> Result<Page, StoreError> {
    let (from, mut params) = path.from();
    let order = path.order(query.order.descending);
    let is_match = path.meets_rest(&mut params);
    params.push(Box::new(i64::from(query.limit) + 1));
    let limit = params.len();
    params.push(Box::new(i64::from(query.offset)));
    let offset = params.len();
    let (name, columns) = (table(query.kind).name, &table(query.kind).columns);
    let sql = format!(
        "WITH walk AS MATERIALIZED (
             SELECT id, is_match, row_number() OVER () AS n FROM (
                 SELECT id, {is_match} AS is_match {from} ORDER BY {order} LIMIT {SCAN_BUDGET} + 1
             ) AS walk
         ), page AS (
             (SELECT id, n, false AS is_end FROM walk WHERE is_match AND n <= {SCAN_BUDGET}
              ORDER BY n LIMIT ${limit} OFFSET ${offset})
             UNION ALL
             SELECT id, n, true FROM walk WHERE n = {SCAN_BUDGET} AND EXISTS (SELECT 1 FROM walk WHERE n > {SCAN_BUDGET})
         )
         SELECT page.is_end, (SELECT count(*) FROM walk WHERE is_match AND n <= {SCAN_BUDGET}), {columns}
         FROM page JOIN {name} AS t ON t.id = page.id ORDER BY page.is_end, page.n"
    );
    let read = |row: &tokio_postgres::Row| {
        Ok((row.try_get::<_, bool>(0)?, row.try_get::<_, i64>(1)?, record(query.kind, row, 2)?))
    };
    let found = rows(readers, Length::Long, &Call::new(&sql, params), read).await?;
    let (ends, matches): (Vec<_>, Vec<_>) = found.into_iter().partition(|(is_end, ..)| *is_end);
    let mut records: Vec<Record> = matches.into_iter().map(|(.., record)| record).collect();
    if let Some(next) = more(&mut records, query) {
        return Ok(Page { records, next: Some(next), skip: 0 });
    }
    let Some((_, met, last)) = ends.first() else { return Ok(Page { records, next: None, skip: 0 }) };
    // What the budget did not reach is left for the next page to skip.
    let met = u32::try_from(*met).unwrap_or(u32::MAX);
    Ok(Page { records, next: Some(mark(last, query)), skip: query.offset.saturating_sub(met) })
}

/// Where the next page begins, if more was found than was asked for or fits on a page; takes that off.
fn more(records: &mut Vec<Record>, query: &Query) -> Option<Mark> {
    let mut bytes = 0;
    let fits = |record: &&Record| {
        bytes += record.body.len();
        bytes <= PAGE_BYTES
    };
    let fitting = records.iter().take_while(fits).count().max(1);
    let count = fitting.min(query.limit as usize);
    if records.len() <= count {
        return None;
    }
    records.truncate(count);
    records.last().map(|last| mark(last, query))
}

fn mark(record: &Record, query: &Query) -> Mark {
    let at: Timestamp = if query.order.by_updated { record.updated } else { record.created };
    Mark { at, id: record.id }
}
