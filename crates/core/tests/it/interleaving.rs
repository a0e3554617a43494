//! Many at once, without a lock, each step in any order: everything adds up.

use futures_util::future::join_all;

use super::world::{Deed, Dice, Plan, TOKENS, World};

/// One of a crowd that is after the same two orders.
fn someone(dice: &Dice) -> Deed {
    let number = |sides: u64| usize::try_from(dice.roll(sides)).unwrap();
    let which = number(2);
    match dice.roll(14) {
        0..=4 => {
            let key = [None, Some(0), Some(1)][number(3)];
            Deed::Pay { which, token: number(TOKENS.len() as u64), key, patient: dice.roll(2) == 0 }
        }
        5 => Deed::Cancel(which),
        6 => Deed::Fulfill(which),
        7 => Deed::Return { which, pieces: [0, 1][number(2)] },
        8..=9 => Deed::Refund { which: number(4), amount: [0, 500, 1500][number(3)] },
        10 => Deed::SetQuantity(8),
        11 => Deed::Count(dice.roll(2) == 0),
        12 => Deed::End(dice.roll(2) == 0),
        _ => Deed::Janitor,
    }
}

async fn crowd(seed: u64, unlocked: bool) {
    let world = World::of(Plan { seed: Some(seed), unlocked, ..Plan::default() }).await;
    let other = world.node(2);
    let dice = Dice::new(!seed);
    for order in [world.order(2).await, world.order(2).await] {
        if dice.roll(3) == 0 {
            world.pay(order.id, "tok_ok").await.unwrap();
        }
    }
    for _ in 0..3 {
        let deeds: Vec<Deed> = (0..8).map(|_| someone(&dice)).collect();
        println!("seed {seed}: {deeds:?}");
        let all = deeds.iter().zip([&world.shop, &other].into_iter().cycle());
        join_all(all.map(|(deed, shop)| world.do_it(shop, deed))).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_crowd_without_a_lock_leaves_nothing_wrong() {
    for seed in 0..200 {
        crowd(seed, true).await;
    }
}

#[tokio::test]
async fn a_crowd_with_a_lock_leaves_nothing_wrong() {
    for seed in 0..50 {
        crowd(seed, false).await;
    }
}
