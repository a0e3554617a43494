//! Whatever people do, in whatever order, with whatever faults: in the end everything adds up.

use digota_core::testing::store::Fault;
use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{Deed, Plan, TOKENS, World};

fn deed() -> impl Strategy<Value = Deed> {
    let pay = (0..4usize, 0..TOKENS.len(), proptest::option::of(0..2u8), any::<bool>())
        .prop_map(|(which, token, key, patient)| Deed::Pay { which, token, key, patient });
    prop_oneof![
        3 => (1..5i64, 1..4i64).prop_map(|(green, black)| Deed::NewOrder(green, black)),
        6 => pay,
        1 => (0..4usize).prop_map(Deed::Cancel),
        1 => (0..4usize).prop_map(Deed::Fulfill),
        3 => (0..4usize, 0..4i64).prop_map(|(which, pieces)| Deed::Return { which, pieces }),
        3 => (0..6usize, 0..3000i64).prop_map(|(which, amount)| Deed::Refund { which, amount }),
        1 => (1..3000i64, any::<bool>()).prop_map(|(amount, later)| Deed::Charge { amount, later }),
        1 => (0..6usize, 0..3000i64).prop_map(|(which, amount)| Deed::Capture { which, amount }),
        1 => (0..6usize).prop_map(Deed::Void),
        1 => (-5..10i64).prop_map(Deed::Adjust),
        1 => (0..20i64).prop_map(Deed::SetQuantity),
        1 => any::<bool>().prop_map(Deed::Count),
        1 => any::<bool>().prop_map(Deed::Sell),
        1 => any::<bool>().prop_map(Deed::End),
        1 => (1..2000u64).prop_map(Deed::Wait),
        3 => Just(Deed::Janitor),
    ]
}

fn play(plan: Plan, deeds: &[Deed]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let world = World::of(plan).await;
        for deed in deeds {
            world.do_it(&world.shop, deed).await;
            world.flaky.revive();
        }
        world.end().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_adds_up_in_the_end(deeds in vec(deed(), 1..30)) {
        play(Plan::default(), &deeds);
    }

    #[test]
    fn whatever_is_done_adds_up_in_the_end_although_commits_fail(
        deeds in vec(deed(), 1..30),
        faults in vec((4..60u64, (0..Fault::ALL.len()).prop_map(|i| Fault::ALL[i])), 1..8),
    ) {
        play(Plan { faults, ..Plan::default() }, &deeds);
    }
}
