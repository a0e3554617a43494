//! The shop against a model of it: whatever is done, one thing after the other and without faults, every answer and everything that
//! can be read afterwards is what plain rules say.

mod deeds;
mod play;
mod rules;

use proptest::collection::vec;
use proptest::prelude::*;

use deeds::deed;
use play::play;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(18),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_done_comes_out_as_the_rules_say(deeds in vec(deed(), 20..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&deeds));
    }
}

/// A model that is never asked anything new proves nothing: every refusal must come up.
#[test]
fn every_rule_is_met() {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

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
