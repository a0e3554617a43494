//! A line to the server that breaks at the worst moments: around COMMIT.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use digota_core::port::Store;
use digota_core::port::store::{Change, CommitError, Refusal, Resolution, Write};
use digota_servers::{Fault, Line, Way};
use digota_storage::Config;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Server, commit, config, id, is_there, open, order};

/// The last statement of a transaction, and the first of those that write.
const COMMIT: &str = "COMMIT";
const FIRST_WRITE: &str = "INSERT INTO operations";

/// How often the line breaks in a test of many rounds.
const ROUNDS: u128 = 150;

/// How many commits are under way when it breaks.
const BUYERS: u128 = 3;

pub(super) async fn a_commit_whose_answer_is_lost_is_found_out(server: Server) {
    let (line, shop, _direct) = line(&server).await;
    line.arm(Fault::Unanswered(COMMIT));
    let lost = commit(shop.as_ref(), 1, [order(1)]).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    assert_eq!(line.met(), 1);

    assert_eq!(shop.resolve(id(1)).await, Ok(Resolution::Committed));
    assert!(is_there(shop.as_ref(), 1).await);
    assert_eq!(commit(shop.as_ref(), 1, [order(1)]).await, Err(CommitError::Refused(Refusal::OperationUsed)));
    commit(shop.as_ref(), 2, [order(2)]).await.expect("on a new connection");
}

pub(super) async fn a_commit_that_never_arrives_never_will(server: Server) {
    let (line, shop, _direct) = line(&server).await;
    line.arm(Fault::Lost(COMMIT));
    let lost = commit(shop.as_ref(), 1, [order(1)]).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    assert_eq!(shop.resolve(id(1)).await, Ok(Resolution::Never));
    assert!(!is_there(shop.as_ref(), 1).await);
    assert_eq!(commit(shop.as_ref(), 1, [order(1)]).await, Err(CommitError::Refused(Refusal::OperationUsed)));
}

/// What comes five seconds late meets a tombstone if it had not begun to write, and is waited for if it had.
pub(super) async fn a_commit_that_comes_after_its_tombstone_fails(server: Server) {
    let late = Duration::from_secs(5);
    let (line, shop, direct) = line(&server).await;
    for (n, statement, expected) in [(1, FIRST_WRITE, Resolution::Never), (2, COMMIT, Resolution::Committed)]
    {
        line.arm(Fault::Late(statement, late));
        let lost = commit(shop.as_ref(), n, [order(n)]).await;
        assert!(matches!(lost, Err(CommitError::Unknown(_))), "{statement}: {lost:?}");
        assert_eq!(resolve(&direct, n).await, expected, "{statement}");
        line.rest().await;
        assert_eq!(is_there(direct.as_ref(), n).await, expected == Resolution::Committed, "{statement}");
        assert_eq!(resolve(&direct, n).await, expected, "{statement}");
    }
    assert_eq!(line.met(), 2);
}

/// In the middle of a commit. A server that hears nothing more gives up first and lets go of its locks: then the commit is done
/// again. One that is not heard any more has committed.
pub(super) async fn a_line_that_falls_silent_is_given_up(server: Server) {
    let there = async {
        let (_line, shop, direct, outcome) = silence(&server, Way::There).await;
        outcome.expect("on a new connection, once the server has given up");
        assert!(is_there(direct.as_ref(), 2).await);
        commit(shop.as_ref(), 3, [order(3)]).await.expect("nothing speaks against it");
    };
    let back = async {
        let (_line, shop, direct, outcome) = silence(&server, Way::Back).await;
        assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
        assert_eq!(resolve(&direct, 2).await, Resolution::Committed);
        commit(shop.as_ref(), 3, [order(3)]).await.expect("on a new connection");
    };
    tokio::join!(there, back);
}

/// What becomes of operation 2 if the line falls silent between its reading and its writing.
async fn silence(
    server: &Server,
    way: Way,
) -> (Line, Arc<dyn Store>, Arc<dyn Store>, Result<(), CommitError>) {
    let (line, shop, direct) = line(server).await;
    line.arm(Fault::Slow(FIRST_WRITE, Duration::from_millis(500)));
    let silence = async {
        while line.met() < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        line.arm(Fault::Silent(way));
    };
    let (outcome, ()) = tokio::join!(commit(shop.as_ref(), 2, [order(2)]), silence);
    assert_eq!(line.met(), 2);
    (line, shop, direct, outcome)
}

/// One node's line breaks again and again, everywhere around COMMIT; another node resolves. Whatever was said of a commit is
/// so, and stays so when the last latecomer has arrived.
pub(super) async fn every_commit_ends_known_and_once(server: Server) {
    let seed = rand::rng().random_range(0..1_000_000);
    eprintln!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let (line, far, near) = line(&server).await;
    let mut tally: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = |what: String| *tally.entry(what).or_default() += 1;
    let (mut done, mut never) = (vec![], vec![]);
    for round in 0..ROUNDS {
        let (name, fault) = draw(&mut chance);
        let first = (round + 1) * 100;
        // A SKU for each round: others need not wait for what is late.
        let opened = commit(near.as_ref(), first, [Write::OpenStock { sku: id(first), on_hand: 10 }]).await;
        opened.expect("nothing speaks against it");
        line.arm(fault);
        let met = line.met();
        let outcomes = join_all((1..=BUYERS).map(|n| buy(&far, first, first + n))).await;
        line.disarm();
        let happened = line.met() > met;
        for (n, outcome) in (1..).zip(outcomes) {
            let n = first + n;
            let (said, is_done) = match outcome {
                Ok(()) => ("done", true),
                Err(CommitError::Failed(_)) => ("failed", false),
                Err(CommitError::Refused(refusal)) => panic!("seed {seed}, {name}: {refusal}"),
                Err(CommitError::Unknown(_)) => {
                    let judge = if chance.random_bool(0.5) { &near } else { &far };
                    match resolve(judge, n).await {
                        Resolution::Committed => ("unknown, then committed", true),
                        Resolution::Never => ("unknown, then never", false),
                    }
                }
            };
            if happened {
                count(format!("{name}: {said}"));
            }
            assert_eq!(is_there(near.as_ref(), n).await, is_done, "seed {seed}, {name}: {n} was {said}");
            if is_done { done.push(n) } else { never.push((n, said)) }
        }
    }
    line.rest().await;
    for n in &done {
        assert!(is_there(near.as_ref(), *n).await, "seed {seed}: {n} was there");
    }
    for (n, said) in &never {
        assert!(!is_there(near.as_ref(), *n).await, "seed {seed}: {n} was {said}");
        let again = buy(&near, n - n % 100, *n).await;
        // What failed was never tried, so it may be now.
        let expected =
            if *said == "failed" { Ok(()) } else { Err(CommitError::Refused(Refusal::OperationUsed)) };
        assert_eq!(again, expected, "seed {seed}: {n} was {said}");
    }
    let sold = done.len() + never.iter().filter(|(_, said)| *said == "failed").count();
    let mut reserved = 0;
    for round in 0..ROUNDS {
        let stock = near.stock(&[id((round + 1) * 100)]).await.expect("readable")[0].expect("it was opened");
        reserved += stock.reserved;
    }
    assert_eq!(usize::try_from(reserved), Ok(sold), "seed {seed}: every commit counted once");
    for (what, n) in &tally {
        eprintln!("{n:>5}  {what}");
    }
    for what in ["unanswered: unknown, then committed", "lost at COMMIT: unknown, then never"] {
        assert!(tally.contains_key(what), "seed {seed}: there never was {what}: {tally:?}");
    }
    for what in ["late COMMIT: unknown, then committed", "late writes: unknown, then never", "slow: done"] {
        assert!(tally.contains_key(what), "seed {seed}: there never was {what}: {tally:?}");
    }
    assert!(tally.keys().any(|what| what.starts_with("cut")), "seed {seed}: {tally:?}");
}

fn draw(chance: &mut StdRng) -> (&'static str, Fault) {
    let short = Duration::from_millis(chance.random_range(1..150));
    match chance.random_range(0..8) {
        0 => ("unanswered", Fault::Unanswered(COMMIT)),
        1 => ("lost at COMMIT", Fault::Lost(COMMIT)),
        2 => ("lost writes", Fault::Lost(FIRST_WRITE)),
        3 => ("late COMMIT", Fault::Late(COMMIT, short)),
        4 => ("late writes", Fault::Late(FIRST_WRITE, short)),
        5 => ("slow", Fault::Slow(COMMIT, short)),
        6 => ("cut there", Fault::Cut(Way::There, chance.random_range(0..3000))),
        _ => ("cut back", Fault::Cut(Way::Back, chance.random_range(0..600))),
    }
}

/// Orders and reserves a piece.
async fn buy(shop: &Arc<dyn Store>, sku: u128, n: u128) -> Result<(), CommitError> {
    let (sku, reference) = (id(sku), Some(id(n)));
    let take = Write::Move { sku, change: Change::Reserve(1), reference, reason: "pay".into() };
    commit(shop.as_ref(), n, [order(n), take]).await
}

/// Asks until there is an answer: while a transaction may still commit there is none.
async fn resolve(shop: &Arc<dyn Store>, n: u128) -> Resolution {
    for _ in 0..20 {
        match shop.resolve(id(n)).await {
            Ok(resolution) => return resolution,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("{n} stays unknown")
}

/// A line, the shop at its end, and the same shop without it.
async fn line(server: &Server) -> (Line, Arc<dyn Store>, Arc<dyn Store>) {
    let config = config(server);
    let line = Line::to(server.address()).await.expect("there is a port");
    let far = open(&Config { address: vec![line.address()], ..config.clone() }).await;
    (line, far, open(&config).await)
}
