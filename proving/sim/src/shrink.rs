//! Makes a schedule that fails small: leaves out whatever it fails without.

use std::collections::BTreeSet;

use crate::plan::{Deed, Plan, Setup};

/// The most schedules that are tried for one that fails.
const TRIES: usize = 600;

/// The smallest schedule found that still fails. `fails` plays one.
pub fn shrink(plan: &Plan, fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut shrinking = Shrinking { best: plan.clone(), fails, tries: 0 };
    loop {
        let before = shrinking.best.clone();
        shrinking.troubles();
        shrinking.deeds();
        shrinking.setup();
        if shrinking.best == before || shrinking.tries >= TRIES {
            return shrinking.best;
        }
    }
}

struct Shrinking<F> {
    best: Plan,
    fails: F,
    tries: usize,
}

impl<F: FnMut(&Plan) -> bool> Shrinking<F> {
    /// Keeps a smaller schedule if it fails too.
    fn offer(&mut self, smaller: Plan) -> bool {
        if self.tries >= TRIES || smaller == self.best {
            return false;
        }
        self.tries += 1;
        let good = (self.fails)(&smaller);
        if good {
            self.best = smaller;
        }
        good
    }

    /// Leaves out troubles: many at once first, then one by one.
    fn troubles(&mut self) {
        let mut size = self.best.troubles.len();
        while size > 0 {
            let mut at = 0;
            while at < self.best.troubles.len() {
                let mut smaller = self.best.clone();
                smaller.troubles.drain(at..(at + size).min(smaller.troubles.len()));
                if !self.offer(smaller) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// Leaves out deeds, each with all that speak of it: whole stories first.
    fn deeds(&mut self) {
        let mut numbers: Vec<usize> = self.best.deeds.iter().map(|deed| deed.number).collect();
        numbers.sort_by_key(|number| std::cmp::Reverse(with_followers(&self.best.deeds, *number).len()));
        for number in numbers {
            let gone = with_followers(&self.best.deeds, number);
            let mut smaller = self.best.clone();
            smaller.deeds.retain(|deed| !gone.contains(&deed.number));
            if smaller.deeds.len() < self.best.deeds.len() {
                self.offer(smaller);
            }
        }
    }

    /// Makes the world plainer.
    fn setup(&mut self) {
        let plainer: [fn(&mut Setup); 5] = [
            |setup| setup.follower = false,
            |setup| setup.skew_ms.fill(0),
            |setup| setup.refunds_declined = 0,
            |setup| setup.always_yes = false,
            |setup| setup.two_step = false,
        ];
        for change in plainer {
            let mut smaller = self.best.clone();
            change(&mut smaller.setup);
            self.offer(smaller);
        }
    }
}

/// A deed and all that make no sense without it.
fn with_followers(deeds: &[Deed], number: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::from([number]);
    loop {
        let before = all.len();
        let follows = |deed: &&Deed| deed.what.about().is_some_and(|about| all.contains(&about));
        let more: Vec<usize> = deeds.iter().filter(follows).map(|deed| deed.number).collect();
        all.extend(more);
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::What;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let (plan, order) = (1..)
            .map(Plan::draw)
            .find_map(|plan| {
                let pay = plan.deeds.iter().find(|deed| matches!(deed.what, What::Pay { .. }))?;
                let order = pay.what.about()?;
                (plan.troubles.len() > 4).then(|| (plan.clone(), order))
            })
            .expect("some seed has both");
        let trouble = plan.troubles[2].clone();
        let has_both = |plan: &Plan| {
            let pays = |deed: &Deed| matches!(deed.what, What::Pay { order: paid, .. } if paid == order);
            plan.troubles.contains(&trouble) && plan.deeds.iter().any(pays)
        };
        let small = shrink(&plan, has_both);
        assert_eq!(small.troubles, std::slice::from_ref(&trouble));
        assert_eq!(small.deeds.len(), 2, "an order and its payment");
        assert!(has_both(&small));
    }
}
