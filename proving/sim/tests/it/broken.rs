//! Worlds that are broken on purpose are found out, and what is left of their schedules is short.

use digota_sim::judge::play_and_judge;
use digota_sim::plan::{Broken, Plan};
use digota_sim::shrink::shrink;
use libtest_mimic::Trial;

/// How each promise is broken, with the rules of which one must be found broken.
const CASES: [(&str, Broken, &[&str]); 4] = [
    ("a_commit_that_never_was_is_found", Broken::Unknown, &["C4", "D1"]),
    ("a_lost_update_is_found", Broken::Versions, &["F1", "E1"]),
    ("overselling_is_found", Broken::Stock, &["A", "C2"]),
    ("a_cancel_that_was_none_is_found", Broken::Cancel, &["B"]),
];

/// How many seeds it may take.
const SEEDS: u64 = 400;

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(name, how, rules): (&'static str, Broken, &'static [&'static str])| {
        Trial::test(name, move || {
            find(how, rules);
            Ok(())
        })
    };
    CASES.into_iter().map(trial).collect()
}

fn find(how: Broken, rules: &[&str]) {
    let broken = |seed| {
        let mut plan = Plan::draw(seed);
        plan.setup.broken = Some(how);
        plan
    };
    let fails = |plan: &Plan| {
        let breaches = play_and_judge(plan, false).violations;
        breaches.into_iter().find(|breach| rules.iter().any(|rule| breach.rule.starts_with(rule)))
    };
    let found = (0..SEEDS).map(broken).find_map(|plan| fails(&plan).map(|breach| (plan, breach)));
    let (plan, breach) = found.unwrap_or_else(|| panic!("{how:?} went unnoticed in {SEEDS} seeds"));
    let small = shrink(&plan, |plan| play_and_judge(plan, false).breaks(&breach.rule));
    println!("{breach}\n{small}");
    let all = |plan: &Plan| plan.deeds.len() + plan.troubles.len();
    assert!(all(&small) <= 12, "a schedule of {} is left of one of {}", all(&small), all(&plan));
}
