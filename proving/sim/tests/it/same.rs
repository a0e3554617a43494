//! A seed decides everything.

use std::collections::BTreeSet;

use digota_sim::judge::play_and_judge;
use digota_sim::plan::Plan;

pub(crate) fn the_same_seed_is_the_same_world() {
    for seed in 0..12 {
        let (first, second) =
            (play_and_judge(&Plan::draw(seed), true), play_and_judge(&Plan::draw(seed), true));
        for (number, (one, other)) in (1..).zip(first.trace.lines().iter().zip(second.trace.lines())) {
            assert_eq!(one, other, "seed {seed} went another way at its line {number}");
        }
        assert_eq!(first.trace.hash(), second.trace.hash(), "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
    }
}

pub(crate) fn another_seed_is_another_world() {
    let hashes: BTreeSet<u64> =
        (0..12).map(|seed| play_and_judge(&Plan::draw(seed), false).trace.hash()).collect();
    assert_eq!(hashes.len(), 12);
}

pub(crate) fn loud_or_quiet() {
    for seed in 12..16 {
        let hash = |loud| play_and_judge(&Plan::draw(seed), loud).trace.hash();
        assert_eq!(hash(true), hash(false), "looking at seed {seed} changed it");
    }
}
