//! Many who read at once, and plans that outlive the size that the tables had when they were made.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Change, Concern, KeyEntry, KeyScope, Keys, Kind, Record, Write};
use digota_core::time::Timestamp;
use futures_util::future::join_all;

use super::{AT, Server, commit, config, id, open, order, record};

fn scope(n: u128) -> KeyScope {
    KeyScope { principal: "shop".into(), method: "/orderpb.OrderService/Pay".into(), key: format!("key-{n}") }
}

fn claim(n: u128) -> Write {
    let entry =
        KeyEntry { fingerprint: format!("print-{n}"), attempt: Some(id(n)), answer: None, stock: None };
    Write::Claim { scope: scope(n), entry, stock_of: None }
}

fn sku(n: u128) -> Record {
    record(n, Keys::Sku { parent: id(1), active: true })
}

/// What was asked together is told apart again: nobody gets what another asked for, nor misses what is there.
pub(super) async fn reads_that_share_a_statement_are_each_answered(server: Server) {
    let shop = open(&config(&server)).await;
    let there = 100..140;
    for n in there.clone() {
        let stock = Write::OpenStock { sku: id(n + 1000), on_hand: i64::try_from(n).expect("small") };
        let writes = [order(n), claim(n), Write::Insert(sku(n + 1000)), stock];
        commit(shop.as_ref(), n, writes).await.expect("nothing speaks against it");
    }
    let reads = (0..1200u128).map(|n| {
        let (shop, there) = (Arc::clone(&shop), there.clone());
        let n = 90 + n % 60;
        tokio::spawn(async move {
            let is_there = there.contains(&n);
            // The same twice, and one that is not there, in the order asked.
            let orders = shop.get(Kind::Order, &[id(n), id(5), id(n)]).await.expect("readable");
            let found: Vec<_> = orders.iter().map(|order| order.as_ref().map(|order| order.id)).collect();
            let wanted = is_there.then_some(id(n));
            assert_eq!(found, [wanted, None, wanted]);
            let key = shop.key(&scope(n)).await.expect("readable");
            assert_eq!(key.map(|key| key.fingerprint), is_there.then(|| format!("print-{n}")));
            let stocked = shop.stocked(id(n + 1000)).await.expect("readable");
            let told = stocked.map(|(sku, stock)| (sku.id, stock.map(|stock| stock.on_hand)));
            let on_hand = i64::try_from(n).expect("small");
            assert_eq!(told, is_there.then_some((id(n + 1000), Some(on_hand))));
        })
    });
    for read in join_all(reads).await {
        read.expect("each is answered");
    }
}

/// Whoever asks first may be the first to leave.
pub(super) async fn a_reader_who_leaves_holds_nobody_up(server: Server) {
    let shop = open(&config(&server)).await;
    commit(shop.as_ref(), 1, [order(1)]).await.expect("nothing speaks against it");
    for _ in 0..50 {
        let leaver = tokio::spawn({
            let shop = Arc::clone(&shop);
            async move { shop.get(Kind::Order, &[id(1)]).await }
        });
        tokio::task::yield_now().await;
        leaver.abort();
        let found = shop.get(Kind::Order, &[id(1)]).await.expect("readable");
        assert_eq!(found[0].as_ref().map(|order| order.id), Some(id(1)));
    }
}

/// Statements are planned once, when a shop is young. None of them may come to read whole tables when it is old.
pub(super) async fn plans_of_a_young_shop_serve_an_old_one(server: Server) {
    let config = config(&server);
    let shop = open(&config).await;
    pay_a_little(shop.as_ref(), 1_000).await;
    // With statistics of next to nothing, reading a whole table looks like the cheapest way.
    server.sql(&config.database, "ANALYZE").expect("statistics");
    pay_a_little(shop.as_ref(), 2_000).await;
    let fill = "INSERT INTO orders SELECT gen_random_uuid(), 1, g, g, 0, '', '{}' FROM generate_series(1, 30000) g;
        INSERT INTO charges SELECT gen_random_uuid(), 1, g, g, gen_random_uuid(), 0, '{}' FROM generate_series(1, 30000) g;
        INSERT INTO attempts SELECT gen_random_uuid(), 1, g, g, gen_random_uuid(), g, '{}', 1 FROM generate_series(1, 30000) g;
        INSERT INTO skus SELECT gen_random_uuid(), 1, g, g, gen_random_uuid(), true, '{}' FROM generate_series(1, 30000) g;
        INSERT INTO stock SELECT gen_random_uuid(), 1, 0, 1 FROM generate_series(1, 30000) g;
        INSERT INTO keys SELECT 'shop', 'm', 'other-' || g, '', NULL, NULL, NULL, NULL, NULL, g FROM generate_series(1, 30000) g;
        INSERT INTO operations SELECT gen_random_uuid(), g, false FROM generate_series(1, 30000) g;
        INSERT INTO movements SELECT gen_random_uuid(), g, 1, 0, 1, gen_random_uuid(), 1, '', g FROM generate_series(1, 30000) g;
        INSERT INTO counters SELECT 'other-' || g, 1, 1 FROM generate_series(1, 30000) g";
    server.sql(&config.database, fill).expect("the shop grows old");
    let read = "SELECT sum(idx_tup_read) + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) FROM pg_stat_user_indexes";
    let rows_read = || -> i64 {
        let told = server.sql(&config.database, read).expect("statistics");
        told.trim().parse().expect("a number")
    };
    let before = rows_read();
    pay_a_little(shop.as_ref(), 3_000).await;
    // A session that ends says what it has read.
    drop(shop);
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'";
    while server.sql(&config.database, sessions).expect("statistics").trim() != "0" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let rows = rows_read() - before;
    let most = "SELECT string_agg(indexrelname || ' ' || idx_tup_read, ', ' ORDER BY idx_tup_read DESC) FROM pg_stat_user_indexes";
    let by_index = || server.sql(&config.database, most).expect("statistics");
    assert!(
        (1..10_000).contains(&rows),
        "{rows} rows were read where a few hundred are enough: {}",
        by_index()
    );
}

/// Every statement of a payment, often enough that plans would be kept anyway.
async fn pay_a_little(shop: &dyn Store, from: u128) {
    for n in (from..from + 80).step_by(8) {
        let [order_id, attempt, charge, goods] = [n, n + 1, n + 2, n + 3];
        let open = |concern| Keys::Attempt { subject: id(order_id), due: Some(Timestamp(AT.0)), concern };
        let closed = Keys::Attempt { subject: id(order_id), due: None, concern: Concern::None };
        let charged = |status| Keys::Charge { order: Some(id(order_id)), status };
        let replace = |n, was: Keys, keys: Keys| {
            let record = Record { version: 2, ..record(n, keys) };
            Write::Replace { record, was }
        };
        let go = |change| Write::Move {
            sku: id(goods),
            change,
            reference: Some(id(attempt)),
            reason: "pay".into(),
        };
        let order_keys = |status| Keys::Order { status, email: "ada@example.com".into() };
        let batches = [
            vec![order(order_id), Write::Insert(sku(goods)), Write::OpenStock { sku: id(goods), on_hand: 5 }],
            vec![
                Write::Check { kind: Kind::Sku, id: id(goods), version: Some(1) },
                Write::Insert(record(attempt, open(Concern::None))),
                Write::Insert(record(charge, charged(0))),
                claim(attempt),
                claim(charge),
                go(Change::Reserve(2)),
            ],
            vec![
                replace(attempt, open(Concern::None), closed),
                replace(charge, charged(0), charged(1)),
                replace(order_id, order_keys(1), order_keys(2)),
                Write::Answer { scope: scope(attempt), answer: "paid".into() },
                Write::Free(scope(charge)),
                go(Change::Consume(2)),
            ],
        ];
        for (step, writes) in (0..).zip(batches) {
            commit(shop, 100_000 + n * 4 + step, writes).await.expect("nothing speaks against it");
        }
        let keys = [shop.key(&scope(attempt)).await, shop.key(&scope(charge)).await];
        let answers = keys.map(|key| key.expect("readable").and_then(|key| key.answer));
        assert_eq!(answers, [Some("paid".into()), None]);
        let (_, stock) = shop.stocked(id(goods)).await.expect("readable").expect("it was made");
        assert_eq!(stock.map(|stock| (stock.on_hand, stock.reserved, stock.version)), Some((3, 0, 3)));
        let orders = shop.get(Kind::Order, &[id(order_id)]).await.expect("readable");
        assert_eq!(orders[0].as_ref().map(|order| (order.version, &order.keys)), Some((2, &order_keys(2))));
    }
}
