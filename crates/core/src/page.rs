//! Pages of a list: what a client asks for, and the cursor by which it goes on.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::port::store::{Condition, Kind, Mark, Order, Page, Query, Total};
use crate::text::Violations;
use crate::time::Timestamp;

/// The most records on a page, and what `limit` 0 gives.
pub const LIMIT_MAX: i64 = 1000;
/// The most records that `page` may skip; beyond it a cursor is needed.
pub const OFFSET_MAX: i64 = 100_000;

/// The order of a list, by its number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// As they were made: like [`Sort::CreatedAsc`].
    #[default]
    Natural = 0,
    /// Latest made first.
    CreatedDesc = 1,
    /// First made first.
    CreatedAsc = 2,
    /// Latest changed first.
    UpdatedDesc = 3,
    /// First changed first.
    UpdatedAsc = 4,
}

impl Sort {
    /// The sort with this number on the wire.
    pub fn from_number(number: i32) -> Option<Sort> {
        use Sort::{CreatedAsc, CreatedDesc, Natural, UpdatedAsc, UpdatedDesc};
        [Natural, CreatedDesc, CreatedAsc, UpdatedDesc, UpdatedAsc].into_iter().find(|s| *s as i32 == number)
    }

    fn order(self) -> Order {
        Order {
            by_updated: matches!(self, Sort::UpdatedDesc | Sort::UpdatedAsc),
            descending: matches!(self, Sort::CreatedDesc | Sort::UpdatedDesc),
        }
    }
}

/// What a client asks of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Which page, from 0; not with a cursor.
    pub page: i64,
    /// How many records; 0 stands for [`LIMIT_MAX`].
    pub limit: i64,
    /// In which order.
    pub sort: Sort,
    /// Where to go on; empty for the beginning.
    pub cursor: String,
    /// Which records.
    pub conditions: Vec<Condition>,
}

/// A page of things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The things.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: Total,
    /// The cursor of the next page; empty where nothing follows.
    pub next: String,
}

impl Request {
    /// The query that this request stands for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a page or limit out of range, and for a cursor that belongs to another list.
    pub fn query(&self, kind: Kind) -> Result<Query> {
        let mut all = Violations::new();
        all.check(self.page >= 0, "page", "must be 0 or more");
        all.check(self.limit >= 0, "limit", "must be 0 or more");
        all.check(self.page == 0 || self.cursor.is_empty(), "cursor", "goes without page");
        let limit = if self.limit == 0 { LIMIT_MAX } else { self.limit.min(LIMIT_MAX) };
        let offset = self.page.saturating_mul(limit);
        if self.page > 0 && offset > OFFSET_MAX {
            all.add(
                "page",
                format!("skips more than {OFFSET_MAX} records; follow next_cursor with cursor instead"),
            );
        }
        let place = if self.cursor.is_empty() { None } else { self.place(kind) };
        all.check(
            self.cursor.is_empty() || place.is_some(),
            "cursor",
            "is not a cursor of this list, sort and filter",
        );
        all.end()?;
        let number =
            |n: i64| u32::try_from(n).map_err(|_| Error::internal("a page out of range passed its check"));
        let conditions = self.conditions.clone();
        let query = Query {
            kind,
            conditions,
            order: self.sort.order(),
            after: None,
            offset: number(offset)?,
            limit: number(limit)?,
        };
        Ok(match place {
            Some((mark, skip)) => Query { after: Some(mark), offset: skip, ..query },
            None => query,
        })
    }

    /// The cursor that goes on after a page: list and filter, sort, moment, id, and what is left to skip, as hexadecimal
    /// text. Empty where nothing follows.
    pub fn cursor(&self, kind: Kind, page: &Page) -> String {
        let Some(Mark { at, id }) = page.next else { return String::new() };
        let (origin, sort, skip) = (self.origin(kind), self.sort as u8, page.skip);
        format!("{origin:016x}{sort:x}{:016x}{}{skip:08x}", at.0, id.simple())
    }

    fn place(&self, kind: Kind) -> Option<(Mark, u32)> {
        let text = self.cursor.as_str();
        if text.len() != 73 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let same_origin = u64::from_str_radix(&text[..16], 16).ok()? == self.origin(kind);
        let same_sort = u8::from_str_radix(&text[16..17], 16).ok()? == self.sort as u8;
        let at = Timestamp(i64::from_str_radix(&text[17..33], 16).ok()?);
        let id = Uuid::try_parse(&text[33..65]).ok()?;
        let skip = u32::from_str_radix(&text[65..], 16).ok()?;
        let within = i64::from(skip) <= OFFSET_MAX;
        (same_origin && same_sort && within).then_some((Mark { at, id }, skip))
    }

    /// A number that differs between lists and filters (FNV-1a): it catches mistakes, it keeps no secret.
    fn origin(&self, kind: Kind) -> u64 {
        let mut conditions = self.conditions.clone();
        conditions.sort();
        let text = format!("{kind:?}{conditions:?}");
        text.bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_in_its_own_list_only() {
        let mut request = Request { sort: Sort::CreatedDesc, ..Request::default() };
        let mark = Mark { at: Timestamp(1_700_000_000_000_000), id: Uuid::from_u128(7) };
        let page = Page { next: Some(mark), skip: 12, ..Page::default() };
        request.cursor = request.cursor(Kind::Order, &page);
        assert_eq!(request.query(Kind::Order).map(|query| (query.after, query.offset)), Ok((Some(mark), 12)));
        assert_eq!(request.cursor(Kind::Order, &Page::default()), "");
        assert!(request.query(Kind::Sku).is_err());
        assert!(Request { sort: Sort::UpdatedAsc, ..request.clone() }.query(Kind::Order).is_err());
        assert!(
            Request { conditions: vec![Condition::Status(1)], ..request.clone() }.query(Kind::Order).is_err()
        );
        assert!(Request { cursor: "garbage".into(), ..request }.query(Kind::Order).is_err());
    }

    #[test]
    fn pages_are_bounded_and_name_the_cursor() {
        let ask = |page, limit| Request { page, limit, ..Request::default() }.query(Kind::Order);
        assert_eq!(ask(0, 0).map(|query| query.limit), Ok(1000));
        assert_eq!(ask(2, 10).map(|query| query.offset), Ok(20));
        assert_eq!(ask(0, i64::MAX).map(|query| query.limit), Ok(1000));
        for (page, limit) in [(-1, 10), (1, -1), (i64::MAX, 10), (101, 1000)] {
            let Err(Error::Invalid(violations)) = ask(page, limit) else {
                panic!("{page} {limit} must be invalid")
            };
            assert!(
                page <= 0 || limit <= 0 || violations[0].description.contains("cursor"),
                "{violations:?}"
            );
        }
    }
}
