//! Totals.

use std::collections::BTreeSet;
use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Condition, Kind, Record, SCAN_BUDGET, Total};

use super::Bed;
use super::drive::{exactly, put, put_all, total};
use super::samples::{at, changed, crowd, delete, order, product, replace};

/// More records than may be counted one by one.
const MANY: usize = SCAN_BUDGET as usize + 50;

pub(super) async fn totals_are_exact_for_declared_filters(bed: Bed) {
    let store = bed.open().await;
    for kind in [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge] {
        let mut records = crowd(kind, 40);
        let asked: BTreeSet<Condition> = records.iter().flat_map(|record| record.keys.counted()).collect();
        check(&store, kind, &[], &asked).await;
        put_all(&store, &records).await;
        check(&store, kind, &records, &asked).await;

        let news: Vec<Record> =
            records.iter().zip(crowd_like(&records)).map(|(old, keys)| changed(old, keys)).collect();
        put(&store, records.iter().zip(&news).take(25).map(|(old, new)| replace(old, new))).await;
        records.splice(..25, news.into_iter().take(25));
        check(&store, kind, &records, &asked).await;

        put(&store, records.drain(20..30).map(|record| delete(&record))).await;
        check(&store, kind, &records, &asked).await;
    }

    let had = total(&store, Kind::Product, &[]).await.count as usize;
    let idle = total(&store, Kind::Product, &[Condition::Active(false)]).await.count as usize;
    let many: Vec<Record> = (0..MANY).map(|_| product(false)).collect();
    put_all(&store, &many).await;
    assert_eq!(total(&store, Kind::Product, &[]).await, exactly(had + MANY));
    assert_eq!(total(&store, Kind::Product, &[Condition::Active(false)]).await, exactly(idle + MANY));
}

/// The keys of the same records, each moved on by one.
fn crowd_like(records: &[Record]) -> impl Iterator<Item = digota_core::port::store::Keys> {
    records.iter().cycle().skip(1).take(records.len()).map(|record| record.keys.clone())
}

async fn check(store: &Arc<dyn Store>, kind: Kind, records: &[Record], asked: &BTreeSet<Condition>) {
    assert_eq!(total(store, kind, &[]).await, exactly(records.len()), "all {kind:?}");
    for condition in asked {
        let expected = records.iter().filter(|record| record.keys.meet(record.created, condition)).count();
        assert_eq!(
            total(store, kind, std::slice::from_ref(condition)).await,
            exactly(expected),
            "{condition:?}"
        );
    }
}

pub(super) async fn other_totals_are_capped(bed: Bed) {
    let store = bed.open().await;
    let busy = (0..MANY).map(|_| order(1, "busy"));
    let records: Vec<Record> = busy.chain((0..30).map(|_| order(2, "rare"))).collect();
    put_all(&store, &records).await;

    let email = |address: &str| Condition::Email(address.into());
    let ever = Condition::Created { from: Some(at(0)), until: None };
    let capped = Total { count: SCAN_BUDGET.into(), capped: true };
    for wide in [
        vec![email("busy")],
        vec![ever.clone()],
        vec![Condition::Status(1), email("busy")],
        vec![ever, Condition::Status(1)],
    ] {
        assert_eq!(total(&store, Kind::Order, &wide).await, capped, "{wide:?}");
    }
    assert_eq!(total(&store, Kind::Order, &[email("rare")]).await, exactly(30));
    assert_eq!(total(&store, Kind::Order, &[email("rare"), Condition::Status(2)]).await, exactly(30));
    assert_eq!(total(&store, Kind::Order, &[Condition::Status(1)]).await, exactly(MANY));
}
