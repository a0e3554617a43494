//! A server that goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use digota_core::port::Store;
use digota_core::port::store::{CommitError, Refusal, Resolution};
use digota_servers::Postgres;

use super::{Server, commit, config, is_there, open, order};

/// Commits go on while the server is cut off. What was acknowledged is there; what is unknown ends as its resolution says,
/// and never otherwise, even when the same batch comes again.
pub(super) async fn what_a_crash_leaves_open_is_settled_for_good(_shared: Server) {
    let mut server = Postgres::start().expect("PostgreSQL starts");
    let shop = open(&config(&server)).await;
    let (mut next, mut unknown_ever) = (0u128, 0);
    for _round in 0..20 {
        let sold = Arc::new(AtomicU64::new(0));
        let buyer = |n: u128| tokio::spawn(buy(Arc::clone(&shop), next + n * 100_000, Arc::clone(&sold)));
        let buyers: Vec<_> = (0..8).map(buyer).collect();
        while sold.load(Ordering::Relaxed) < 50 {
            assert!(buyers.iter().any(|buyer| !buyer.is_finished()), "nobody sells any more");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.stop();
        let mut unknown = vec![];
        let mut done = vec![];
        for buyer in buyers {
            let (committed, last, error) = buyer.await.expect("a buyer must not panic");
            done.extend(committed);
            match error {
                CommitError::Unknown(_) => unknown.push(last),
                CommitError::Failed(_) => {}
                CommitError::Refused(refusal) => panic!("{refusal}"),
            }
        }
        server.serve().expect("it starts again");
        for n in done {
            assert!(is_there(shop.as_ref(), n).await, "{n} was acknowledged");
        }
        unknown_ever += unknown.len();
        for n in unknown {
            let resolution = shop.resolve(super::id(n)).await.expect("it can be settled");
            assert_eq!(is_there(shop.as_ref(), n).await, resolution == Resolution::Committed);
            let again = commit(shop.as_ref(), n, [order(n)]).await;
            assert_eq!(again, Err(CommitError::Refused(Refusal::OperationUsed)));
        }
        next += 10_000_000;
        if unknown_ever > 0 {
            return;
        }
    }
    panic!("the server was never cut off in the middle of a commit");
}

/// Commits one order after the other until one fails: those that were acknowledged, the last one, its error.
async fn buy(shop: Arc<dyn Store>, first: u128, sold: Arc<AtomicU64>) -> (Vec<u128>, u128, CommitError) {
    let mut done = vec![];
    for n in first.. {
        match commit(shop.as_ref(), n, [order(n)]).await {
            Ok(()) => {
                done.push(n);
                sold.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => return (done, n, error),
        }
    }
    unreachable!("the server is stopped long before")
}

pub(super) async fn a_server_that_restarts_is_found_again(_shared: Server) {
    let mut server = Postgres::start().expect("PostgreSQL starts");
    let shop = open(&config(&server)).await;
    commit(shop.as_ref(), 1, [order(1)]).await.expect("nothing speaks against it");
    assert!(is_there(shop.as_ref(), 1).await);
    server.stop();
    let gone = commit(shop.as_ref(), 2, [order(2)]).await.expect_err("nobody is there");
    let said = gone.to_string();
    assert!(matches!(gone, CommitError::Failed(_)) && said.contains("unavailable"), "{said}");
    assert!(shop.last_position().await.is_err());

    server.serve().expect("it starts again");
    tokio::time::sleep(Duration::from_millis(300)).await;
    commit(shop.as_ref(), 2, [order(2)]).await.expect("the connection is made again");
    assert!(is_there(shop.as_ref(), 1).await && is_there(shop.as_ref(), 2).await);

    // Idle connections that the server dropped meanwhile are nobody's trouble.
    server.stop();
    server.serve().expect("it starts again");
    assert!(is_there(shop.as_ref(), 2).await);
    commit(shop.as_ref(), 3, [order(3)]).await.expect("nothing was under way");
}
