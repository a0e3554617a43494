//! Lists: their order, their pages, their filters.

use std::collections::BTreeSet;
use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Concern, Condition, Keys, Kind, PAGE_BYTES, Query, Record, SCAN_BUDGET};

use super::Bed;
use super::drive::{NATURAL, ORDERS, all, exactly, ids, mark, page, put, put_all, sorted, total};
use super::samples::{at, changed, charge, crowd, id, insert, replace};

/// The kinds that can be listed.
const LISTED: [Kind; 4] = [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge];

pub(super) async fn lists_are_in_order(bed: Bed) {
    let store = bed.open().await;
    for kind in LISTED {
        assert_eq!(page(&store, all(kind)).await, Default::default(), "nothing is there yet");
        let records = crowd(kind, 30);
        put_all(&store, &records).await;
        for order in ORDERS {
            let page = page(&store, Query { order, ..all(kind) }).await;
            assert_eq!(page.records, sorted(&records, order), "{kind:?} {order:?}");
            assert_eq!(page.next, None);
        }
    }
}

pub(super) async fn pages_join_without_gap_or_repeat(bed: Bed) {
    let store = bed.open().await;
    let records = crowd(Kind::Charge, 40);
    put_all(&store, &records).await;
    let filters = [
        vec![],
        vec![Condition::Status(1)],
        vec![Condition::Status(1), Condition::Created { from: Some(at(10)), until: None }],
    ];
    for order in ORDERS {
        for limit in [1, 7, 40, 41] {
            for conditions in filters.clone() {
                let expected = sorted(&matching(&records, &conditions), order);
                let pages = walk(&store, Query { order, limit, conditions, ..all(Kind::Charge) }).await;
                assert!(pages.iter().all(|page| !page.is_empty()), "where nothing follows, next is empty");
                assert_eq!(ids(&pages.concat()), ids(&expected), "{order:?}, {limit} per page");
            }
        }
    }
    for order in ORDERS {
        walk_among_inserts(&store, Query { order, limit: 5, ..all(Kind::Charge) }).await;
    }
}

/// Between two pages, records come in before, at and after the mark.
async fn walk_among_inserts(store: &Arc<dyn Store>, mut query: Query) {
    let before = page(store, all(Kind::Charge)).await.records;
    let mut seen = Vec::new();
    loop {
        let page = page(store, query.clone()).await;
        seen.extend(ids(&page.records));
        let Some(next) = page.next else { break };
        for shift in [-1, 0, 1] {
            let mut late = charge(None, 1);
            late.created.0 = next.at.0 + shift;
            late.updated = late.created;
            put(store, [insert(&late)]).await;
        }
        query.after = Some(next);
    }
    let once: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(once.len(), seen.len(), "no record is on two pages");
    assert!(
        before.iter().all(|record| once.contains(&record.id)),
        "what was there before is on one of the pages"
    );
}

pub(super) async fn filters_keep_what_matches(bed: Bed) {
    let store = bed.open().await;
    for kind in LISTED {
        let records = crowd(kind, 60);
        put_all(&store, &records).await;
        let conditions = conditions_for(&records);
        let pairs = conditions
            .iter()
            .flat_map(|one| conditions.iter().map(move |other| vec![one.clone(), other.clone()]));
        for conditions in conditions.iter().map(|one| vec![one.clone()]).chain(pairs) {
            let expected = matching(&records, &conditions);
            for order in [ORDERS[0], ORDERS[3]] {
                let query = Query { order, conditions: conditions.clone(), ..all(kind) };
                assert_eq!(
                    ids(&page(&store, query).await.records),
                    ids(&sorted(&expected, order)),
                    "{conditions:?}"
                );
            }
            assert_eq!(total(&store, kind, &conditions).await, exactly(expected.len()), "{conditions:?}");
        }
    }
}

/// What is promised: a page looks at no more than [`SCAN_BUDGET`] records. It may then hold fewer records than asked for,
/// even none, but says in `next` where to go on; following `next` finds everything.
///
/// The list is made so that no index helps: in its order more than a budget of records come before the first match, and
/// more than a budget of records match, too many to collect and sort. An honest first page is therefore empty.
pub(super) async fn a_filter_without_an_index_is_bounded(bed: Bed) {
    let store = bed.open().await;
    let half = i64::from(SCAN_BUDGET) + 50;
    let dated = |moment: i64| Record { created: at(moment), updated: at(moment), ..charge(None, 1) };
    let records: Vec<Record> = (0..2 * half).map(dated).collect();
    put_all(&store, &records).await;

    let late = vec![Condition::Created { from: Some(at(half)), until: None }];
    let mut query = Query { order: ORDERS[2], conditions: late, limit: 9000, ..all(Kind::Charge) };
    let (mut found, mut looked_at) = (Vec::new(), -1);
    loop {
        let page = page(&store, query.clone()).await;
        assert!(looked_at >= 0 || page.records.is_empty(), "this took more than the budget");
        found.extend(ids(&page.records));
        let here = page.next.map_or(2 * half - 1, |next| next.at.0 - at(0).0);
        assert!(here - looked_at <= i64::from(SCAN_BUDGET), "a page went over {} records", here - looked_at);
        assert!(here > looked_at, "a page must get on");
        looked_at = here;
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(found, ids(&records[half as usize..]));
}

/// The condition on a status that most of these records meet.
fn commonest(records: &[Record]) -> Condition {
    let count = |status: &u8| matching(records, &[Condition::Status(*status)]).len();
    Condition::Status((0..=u8::MAX).max_by_key(count).expect("there are statuses"))
}

pub(super) async fn attempts_are_listed_by_what_they_need(bed: Bed) {
    let store = bed.open().await;
    let attempts = crowd(Kind::Attempt, 60);
    put_all(&store, &attempts).await;
    let concern = |concern| Condition::Concern(concern);
    for condition in [Condition::Open, concern(Concern::Unknown), concern(Concern::Review)] {
        let conditions = vec![condition];
        let expected = sorted(&matching(&attempts, &conditions), NATURAL);
        let query = Query { conditions: conditions.clone(), limit: 7, ..all(Kind::Attempt) };
        let pages = walk(&store, query).await;
        assert_eq!(ids(&pages.concat()), ids(&expected), "{conditions:?}");
        assert_eq!(
            total(&store, Kind::Attempt, &conditions).await,
            exactly(expected.len()),
            "{conditions:?}"
        );
    }
    let elsewhere =
        |attempt: &&Record| !matches!(attempt.keys, Keys::Attempt { concern: Concern::Review, .. });
    let moving = attempts.iter().find(elsewhere).expect("of so many not all are to be reviewed");
    let Keys::Attempt { subject, .. } = moving.keys else { unreachable!("they are attempts") };
    let ended = changed(moving, Keys::Attempt { subject, due: None, concern: Concern::Review });
    put(&store, [replace(moving, &ended)]).await;
    let review = Query { conditions: vec![concern(Concern::Review)], ..all(Kind::Attempt) };
    assert!(page(&store, review).await.records.contains(&ended), "as it is now");
    assert!(store.list(&all(Kind::Attempt)).await.is_err(), "there is no list of all attempts");
}

pub(super) async fn offsets_skip(bed: Bed) {
    let store = bed.open().await;
    let records = crowd(Kind::Charge, 30);
    put_all(&store, &records).await;
    for order in ORDERS {
        for conditions in [vec![], vec![commonest(&records)]] {
            let matching = sorted(&matching(&records, &conditions), order);
            for offset in [0, 1, 4, 29, 30, 31, 1000] {
                let query =
                    Query { order, offset, limit: 3, conditions: conditions.clone(), ..all(Kind::Charge) };
                let expected: Vec<_> = matching.iter().skip(offset as usize).take(3).cloned().collect();
                assert_eq!(ids(&page(&store, query.clone()).await.records), ids(&expected), "from {offset}");

                let after = Some(mark(&matching[1], order));
                let expected: Vec<_> = matching.iter().skip(2 + offset as usize).take(3).cloned().collect();
                let page = page(&store, Query { after, ..query }).await;
                assert_eq!(ids(&page.records), ids(&expected), "from {offset} after a mark");
            }
        }
    }
}

/// The list is made so that no index helps and the budget of the first page ends among the matches that are to be skipped,
/// or before them.
pub(super) async fn an_offset_outlives_its_page(bed: Bed) {
    let store = bed.open().await;
    let budget = i64::from(SCAN_BUDGET);
    let dated = |moment: i64| Record { created: at(moment), updated: at(moment), ..charge(None, 1) };
    let records: Vec<Record> = (0..budget + 50).map(dated).collect();
    put_all(&store, &records).await;
    for first_match in [budget - 2, budget + 2] {
        let late = vec![Condition::Created { from: Some(at(first_match)), until: None }];
        let query = Query { order: ORDERS[2], conditions: late, offset: 5, limit: 1000, ..all(Kind::Charge) };
        let found = walk(&store, query).await.concat();
        assert_eq!(ids(&found), ids(&records[first_match as usize + 5..]), "matches from {first_match}");
    }
}

pub(super) async fn a_page_is_bounded_in_bytes(bed: Bed) {
    let store = bed.open().await;
    let sized =
        |bytes: usize| Record { body: format!("{{\"pad\":{:?}}}", "x".repeat(bytes)), ..charge(None, 1) };
    let sizes = (0..25).map(|n| if n == 12 { PAGE_BYTES + 1 } else { PAGE_BYTES / 7 });
    let records: Vec<Record> = sizes.map(sized).collect();
    for record in &records {
        put(&store, [insert(record)]).await;
    }
    for order in ORDERS {
        for conditions in [vec![], vec![Condition::Status(1)]] {
            let pages = walk(&store, Query { order, conditions, ..all(Kind::Charge) }).await;
            for page in &pages {
                let bytes: usize = page.iter().map(|record| record.body.len()).sum();
                assert!(page.len() == 1 || bytes <= PAGE_BYTES, "{} records of {bytes} bytes", page.len());
            }
            assert_eq!(ids(&pages.concat()), ids(&sorted(&records, order)));
        }
    }
}

/// The records of each page of a list.
async fn walk(store: &Arc<dyn Store>, mut query: Query) -> Vec<Vec<Record>> {
    let mut pages = Vec::new();
    loop {
        let page = page(store, query.clone()).await;
        assert!(page.records.len() <= query.limit as usize, "a page is no longer than asked for");
        assert!(pages.len() <= 1000, "a walk must end");
        let onward = query.onward(&page);
        pages.push(page.records);
        let Some(next) = onward else { return pages };
        query = next;
    }
}

/// Every condition that some of these records meet, and some that none does.
fn conditions_for(records: &[Record]) -> Vec<Condition> {
    let mut conditions: BTreeSet<Condition> =
        records.iter().flat_map(|record| record.keys.counted()).collect();
    for record in records {
        match &record.keys {
            Keys::Order { email, .. } => {
                conditions.extend([Condition::Email(email.clone()), Condition::Email("nobody".into())])
            }
            Keys::Charge { status, .. } => {
                conditions.extend([Condition::Status(*status), Condition::Status(9)])
            }
            Keys::Sku { .. } if conditions.len() < 6 => _ = conditions.insert(Condition::Parent(id())),
            _ => {}
        }
    }
    let range = |from: Option<i64>, until: Option<i64>| Condition::Created {
        from: from.map(at),
        until: until.map(at),
    };
    conditions.extend([
        range(Some(10), Some(30)),
        range(Some(11), None),
        range(None, Some(20)),
        range(None, None),
    ]);
    conditions.insert(range(Some(20), Some(20)));
    conditions.into_iter().collect()
}

fn matching(records: &[Record], conditions: &[Condition]) -> Vec<Record> {
    let meets =
        |record: &&Record| conditions.iter().all(|condition| record.keys.meet(record.created, condition));
    records.iter().filter(meets).cloned().collect()
}
