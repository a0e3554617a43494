//! The shop against a model of it: whatever is done, one thing after the other and without faults, every answer and everything that
//! can be read afterwards is what plain rules say.

mod deeds;
mod play;
mod rules;

use std::cell::Cell;
use std::str::FromStr;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use deeds::deed;
use play::play;

/// The seed, so that everybody plays the same; `PROPTEST_RNG_SEED` plays another.
const SEED: u64 = 18;

/// How many sequences are played; `PROPTEST_CASES` plays more.
const CASES: u32 = 400;

#[test]
fn whatever_is_done_comes_out_as_the_rules_say() {
    let seed = from_environment("PROPTEST_RNG_SEED").unwrap_or(SEED);
    let cases = from_environment("PROPTEST_CASES").unwrap_or(CASES);
    let rng_seed = RngSeed::Fixed(seed);
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let calls = Cell::new(0);
    let played = TestRunner::new(config).run(&vec(deed(), 20..60), |deeds| {
        calls.set(calls.get() + deeds.len());
        runtime.block_on(play(&deeds));
        Ok(())
    });
    played.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    println!("the shop answered as the model: {cases} sequences, {} calls, seed {seed}", calls.get());
}

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// A model that is never asked anything new proves nothing: every refusal must come up.
#[test]
fn every_rule_is_met() {
    use std::collections::BTreeSet;

    use proptest::strategy::{Strategy, ValueTree};

    let (mut runner, mut met) = (TestRunner::deterministic(), BTreeSet::new());
    for _ in 0..300 {
        let deeds = vec(deed(), 50).new_tree(&mut runner).unwrap().current();
        let mut model = rules::Model::furnished();
        met.extend(deeds.iter().map(|deed| model.act(deed)));
    }
    let all = [
        None,
        Some("CAPTURE_EXCEEDS"),
        Some("CHARGE_STATUS"),
        Some("INVALID"),
        Some("INVENTORY_INFINITE"),
        Some("NOTHING_TO_PAY"),
        Some("NOTHING_TO_REFUND"),
        Some("NOT_FOUND"),
        Some("ORDER_EXPIRED"),
        Some("ORDER_STATUS"),
        Some("OUT_OF_STOCK"),
        Some("PRODUCT_HAS_SKUS"),
        Some("REFUND_EXCEEDS"),
        Some("RETURN_EXCEEDS"),
        Some("SKU_GONE"),
        Some("SKU_INACTIVE"),
        Some("STALE"),
        Some("card_declined"),
    ];
    assert_eq!(met.into_iter().collect::<Vec<_>>(), all);
}
