//! Many seeds, with everything that can go wrong.

use digota_sim::judge::play_and_judge;
use digota_sim::plan::Plan;
use digota_sim::report::Report;

pub(crate) fn two_hundred_seeds_leave_nothing_wrong() {
    let mut report = Report::new();
    for seed in 0..200 {
        let verdict = play_and_judge(&Plan::draw(seed), false);
        let texts: Vec<String> = verdict.violations.iter().map(ToString::to_string).collect();
        report.add(seed, verdict.trace.hash(), &verdict.counts, &texts);
    }
    println!("{report}");
    assert!(report.violations.is_empty(), "`digota-sim run` makes them small: {:#?}", report.violations);
    assert_eq!(report.missing(), [""; 0], "this never came up");
}
