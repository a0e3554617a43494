//! Prints what the SQLite storage does per second on this machine.
//!
//! `cargo run --release -p digota-storage --example throughput [folder] [part of a name]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{Batch, Change, Condition, Keys, Kind, Order, Query, Record, Write};
use digota_core::time::Timestamp;
use digota_storage::sqlite::Sqlite;
use uuid::Uuid;

const SPAN: Duration = Duration::from_secs(3);
const BODY: usize = 600;

#[tokio::main]
async fn main() {
    let folder =
        tempfile::tempdir_in(std::env::args().nth(1).unwrap_or_else(|| ".".into())).expect("a folder");
    let shop = Arc::new(Shop {
        store: Sqlite::open(&folder.path().join("shop.db")).expect("the shop opens"),
        tick: AtomicU64::new(0),
    });
    let hot = shop.id();
    let stocked = Write::OpenStock { sku: hot, on_hand: 1_000_000_000 };
    shop.commit(vec![stocked]).await;

    for callers in [1, 32, 256] {
        run("orders of many buyers", callers, &shop, |shop| async move {
            let email = format!("buyer{}@example.com", shop.next() % 10_000);
            shop.order(email).await;
        })
        .await;
        run("orders without e-mail", callers, &shop, |shop| async move { shop.order(String::new()).await })
            .await;
    }
    run("new stocks", 256, &shop, |shop| async move {
        let sku = shop.id();
        shop.commit(vec![Write::OpenStock { sku, on_hand: 5 }]).await;
    })
    .await;
    run("reservations of one SKU", 256, &shop, move |shop| async move { shop.reserve(hot).await }).await;

    let ids: Arc<Vec<Uuid>> = Arc::new(shop.some_orders().await);
    for callers in [1, 256] {
        let ids = ids.clone();
        run("point reads", callers, &shop, move |shop| {
            let id = ids[shop.next() as usize % ids.len()];
            async move {
                let found = shop.store.get(Kind::Order, &[id]).await.expect("a read");
                assert!(found[0].is_some());
            }
        })
        .await;
    }
    run("pages of 50", 32, &shop, |shop| async move {
        shop.page(0).await;
    })
    .await;
    run("pages at offset 50000", 8, &shop, |shop| async move {
        shop.page(50_000).await;
    })
    .await;
}

#[expect(clippy::print_stdout, reason = "figures are what this program is for")]
/// Runs a call over and over with so many callers, and prints how often it ended and how long it took.
async fn run<F, C>(name: &str, callers: usize, shop: &Arc<Shop>, call: C)
where
    C: Fn(Arc<Shop>) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    if std::env::args().nth(2).is_some_and(|part| !name.contains(&part)) {
        return;
    }
    let end = Instant::now() + SPAN;
    let one = || {
        let (shop, call) = (shop.clone(), call.clone());
        tokio::spawn(async move {
            let mut took = vec![];
            while Instant::now() < end {
                let begun = Instant::now();
                call(shop.clone()).await;
                took.push(begun.elapsed());
            }
            took
        })
    };
    let tasks: Vec<_> = (0..callers).map(|_| one()).collect();
    let mut took = vec![];
    for task in tasks {
        took.extend(task.await.expect("a caller"));
    }
    took.sort_unstable();
    let at = |permille: usize| took[(took.len() - 1) * permille / 1000];
    let rate = took.len() as u128 * 1000 / SPAN.as_millis();
    println!(
        "{name:24} {callers:4} callers {rate:8}/s   p50 {:9.1?}  p99 {:9.1?}  p99.9 {:9.1?}",
        at(500),
        at(990),
        at(999)
    );
}

struct Shop {
    store: Sqlite,
    tick: AtomicU64,
}

impl Shop {
    fn next(&self) -> u64 {
        self.tick.fetch_add(1, Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000_000 + self.next().cast_signed() * 20)
    }

    /// Looks like a version 7 UUID of that moment.
    fn id(&self) -> Uuid {
        let now = self.now().0.unsigned_abs();
        let random = self.next().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Uuid::from_u128((u128::from(now / 1000) << 80) | (u128::from(now % 1000) << 70) | u128::from(random))
    }

    async fn commit(&self, writes: Vec<Write>) {
        let batch = Batch { operation: self.id(), at: self.now(), writes };
        self.store.commit(batch).await.expect("nothing speaks against it");
    }

    async fn order(&self, email: String) {
        let (id, now) = (self.id(), self.now());
        let keys = Keys::Order { status: 0, email };
        let body = format!(r#"{{"filler":"{}"}}"#, "x".repeat(BODY));
        let record = Record { id, version: 1, created: now, updated: now, keys, body };
        self.commit(vec![Write::Insert(record), Write::Append(self.event(id))]).await;
    }

    fn event(&self, object: Uuid) -> Event {
        let name = "order.created".into();
        let body = r#"{"status":"created","total":{"currency":"EUR","amount":12300}}"#.into();
        Event { id: self.id(), name, kind: Kind::Order, object, version: 1, at: self.now(), body }
    }

    async fn reserve(&self, sku: Uuid) {
        let (change, reason) = (Change::Reserve(1), "pay".into());
        self.commit(vec![Write::Move { sku, change, reference: Some(self.id()), reason }]).await;
    }

    async fn page(&self, offset: u32) -> Vec<Record> {
        let conditions = vec![Condition::Status(0)];
        let order = Order { by_updated: false, descending: true };
        let query = Query { kind: Kind::Order, conditions, order, after: None, offset, limit: 50 };
        self.store.list(&query).await.expect("a page").records
    }

    async fn some_orders(&self) -> Vec<Uuid> {
        let mut ids = vec![];
        for page in 0..200 {
            ids.extend(self.page(page * 50).await.into_iter().map(|record| record.id));
        }
        ids
    }
}
