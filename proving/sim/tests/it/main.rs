//! The simulation itself: that it is the same for the same seed, that it finds what is broken, and that it finds nothing.
#![expect(clippy::print_stdout, reason = "a run tells what it met")]

mod broken;
mod everywhere;
mod same;
mod schedules;
mod seeds;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut trials = vec![
        Trial::test("the_same_seed_is_the_same_world", || test(same::the_same_seed_is_the_same_world)),
        Trial::test("another_seed_is_another_world", || test(same::another_seed_is_another_world)),
        Trial::test("a_quiet_world_is_the_same_as_a_loud_one", || test(same::loud_or_quiet)),
        Trial::test("two_hundred_seeds_leave_nothing_wrong", || {
            test(seeds::two_hundred_seeds_leave_nothing_wrong)
        }),
        Trial::test("wherever_a_node_dies_all_comes_right", || {
            test(everywhere::wherever_a_node_dies_all_comes_right)
        }),
    ];
    trials.extend(broken::trials());
    trials.extend(schedules::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

/// Runs a test that panics where it fails.
fn test(run: fn()) -> Result<(), Failed> {
    run();
    Ok(())
}
