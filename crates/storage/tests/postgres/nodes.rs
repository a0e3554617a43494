//! Several nodes on one database.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Batch, Change, CommitError, Concern, Keys, Kind, Refusal, Write};
use digota_core::time::Timestamp;
use futures_util::future::join_all;

use super::{AT, Server, config, id, open, record};

pub(super) async fn ten_nodes_that_start_together_make_one_shop(server: Server) {
    let config = config(&server);
    let nodes = join_all((0..10).map(|_| open(&config))).await;
    let schema = "SELECT count(*), max(version) FROM digota_schema";
    assert_eq!(server.sql(&config.database, schema).as_deref(), Ok("1|2"));
    for (n, node) in (0..).zip(&nodes) {
        super::commit(node.as_ref(), n, [super::order(n)]).await.expect("nothing speaks against it");
    }
    for node in &nodes {
        assert_eq!(node.count(Kind::Order, &[]).await.expect("a total").count, 10);
        assert!(!node.exclusive());
    }
    let rows = "SELECT count(*) FROM counters WHERE key = 'order'";
    assert_eq!(
        server.sql(&config.database, rows).as_deref(),
        Ok("10"),
        "each node counts in rows of its own"
    );
}

/// Buyers at two nodes want the same SKUs, in either order, and open attempts for the same orders.
pub(super) async fn nodes_in_each_others_way_lose_nothing(server: Server) {
    let config = config(&server);
    let nodes = [open(&config).await, open(&config).await];
    let (one, two) = (id(1), id(2));
    let stock = [one, two].map(|sku| Write::OpenStock { sku, on_hand: 100 });
    super::commit(nodes[0].as_ref(), 1, stock).await.expect("nothing speaks against it");

    let buyers = (0..300u128).map(|n| {
        let node: Arc<dyn Store> = Arc::clone(&nodes[usize::from(n % 2 == 0)]);
        let mut skus = [one, two];
        if n % 3 == 0 {
            skus.reverse();
        }
        let take = skus.map(|sku| Write::Move {
            sku,
            change: Change::Reserve(1),
            reference: Some(id(10_000 + n)),
            reason: "pay".into(),
        });
        // Every order has two buyers, one at each node.
        let keys =
            Keys::Attempt { subject: id(20_000 + n / 2), due: Some(Timestamp(AT.0)), concern: Concern::None };
        let attempt = Write::Insert(record(10_000 + n, keys));
        let writes = take.into_iter().chain([attempt]).collect();
        tokio::spawn(async move { node.commit(Batch { operation: id(30_000 + n), at: AT, writes }).await })
    });
    let (mut sold, mut doubled, mut short) = (0, 0, 0);
    for outcome in join_all(buyers).await {
        match outcome.expect("a commit must not panic") {
            Ok(_) => sold += 1,
            Err(CommitError::Refused(Refusal::AttemptOpen { .. })) => doubled += 1,
            Err(CommitError::Refused(Refusal::OutOfStock(_))) => short += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((sold, sold + doubled + short), (100, 300), "{doubled} doubled, {short} short");
    let facts = "SELECT (SELECT string_agg(reserved || '/' || version, ' ') FROM stock), count(*), count(DISTINCT subject)
                 FROM attempts WHERE due IS NOT NULL";
    assert_eq!(server.sql(&config.database, facts).as_deref(), Ok("100/101 100/101|100|100"));
}
