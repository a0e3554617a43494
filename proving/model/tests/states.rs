//! Every state within a few steps is right and has a way out, and the shop's tables are what it does.

use digota_model::tables::{Moves, legal};
use digota_model::{Explored, Machine, Sort};

/// Deep enough to pay, give back and find out what became of it.
const DEPTH: usize = 4;

fn explore(sort: Sort) -> Explored {
    let explored = Machine::new(sort).explore(DEPTH, 2);
    assert_eq!(explored.wrong, Vec::<String>::new());
    explored
}

#[test]
fn every_state_of_an_order_is_right_and_has_a_way_out() {
    let explored = explore(Sort::default());
    assert!(explored.states > 100, "{explored:?}");
}

#[test]
fn every_state_of_an_order_has_a_way_out_where_the_gateway_can_only_be_asked() {
    explore(Sort { cannot_cancel: true, two_step: true, ..Sort::default() });
}

#[test]
fn the_shop_makes_every_move_of_its_tables_and_no_other() {
    let mut all = explore(Sort::default());
    all.add(explore(Sort { holds: true, ..Sort::default() }));
    let (legal, seen) = (legal(), all.moves);
    assert_eq!(legal.difference(&seen).collect::<Vec<_>>(), Moves::new().iter().collect::<Vec<_>>());
    assert_eq!(seen.difference(&legal).collect::<Vec<_>>(), Moves::new().iter().collect::<Vec<_>>());
}
