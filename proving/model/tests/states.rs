//! Every state within a few steps is right and has a way out, and the shop's tables are what it does.

use digota_model::tables::{Moves, legal};
use digota_model::{Explored, Machine, Sort};
use digota_planted::Bug;

fn explore(sort: Sort, steps: usize) -> Explored {
    let explored = Machine::new(sort).explore(steps, 2);
    assert_eq!(explored.wrong, Vec::<String>::new());
    explored
}

#[test]
fn every_state_of_an_order_is_right_and_has_a_way_out() {
    let explored = explore(Sort { two_step: true, ..Sort::default() }, 2);
    assert!(explored.states > 100, "{explored:?}");
}

/// Where a gateway can't give an attempt up, more can come late.
#[test]
fn the_shop_makes_every_move_of_its_tables_and_no_other() {
    let mut all = explore(Sort { cannot_cancel: true, ..Sort::default() }, 3);
    all.add(explore(Sort { holds: true, cannot_cancel: true, ..Sort::default() }, 3));
    let (legal, seen) = (legal(), all.moves);
    assert_eq!(legal.difference(&seen).cloned().collect::<Moves>(), Moves::new(), "never made");
    assert_eq!(seen.difference(&legal).cloned().collect::<Moves>(), Moves::new(), "not in the tables");
}

#[test]
fn a_shop_with_a_mistake_has_states_that_are_wrong() {
    for bug in [Bug::UnknownTreatedAsFailed, Bug::UndoForgotten, Bug::AttemptAfterCall] {
        let explored = Machine::new(Sort { bug: Some(bug), ..Sort::default() }).explore(2, 2);
        assert!(!explored.wrong.is_empty(), "{}", bug.name());
    }
}
