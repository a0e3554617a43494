//! Locks that are broken on purpose: each is caught by the case of the promise that it breaks, and the same lock
//! without a fault keeps every promise.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use digota_conformance::lock::{Bed, CASES};
use digota_conformance::{Case, failing};
use digota_core::port::Lock;
use digota_core::port::lock::{Lease, LockError};
use digota_core::testing::lock::AlwaysYes;
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(1);

#[test]
fn a_lock_without_a_fault_keeps_every_promise() {
    assert_eq!(failing(CASES, || bed(Fault::None)), [""; 0]);
}

#[test]
fn a_lock_that_always_says_yes_is_caught() {
    let always_yes = || Bed::new(Arc::new(AlwaysYes::default()), TTL);
    for case in ["a_second_holder_waits", "waiting_ends", "many_waiters_all_get_their_turn"] {
        assert_eq!(failing(only(case), always_yes), [case]);
    }
}

#[test]
fn a_lock_that_admits_to_be_unfair_need_not_be_fair() {
    assert_eq!(failing(only("waiters_are_served_in_order"), || bed(Fault::LastComeFirstAdmitted)), [""; 0]);
}

#[test]
fn a_bed_counts_the_names_for_a_lock_that_cannot() {
    let bed = || {
        let lock = Plain::new(Fault::CannotCount);
        let lines = lock.lines.clone();
        let count = move || look(&lines).lines.len();
        Bed::new(lock, TTL).counting(Box::new(move || Box::pin(std::future::ready(count()))))
    };
    assert_eq!(failing(only("names_are_forgotten"), bed), [""; 0]);
}

/// One test per fault: the case fails on the lock that has it.
macro_rules! caught {
    ($($test:ident: $fault:ident by $case:literal;)+) => {
        $(#[test]
        fn $test() {
            assert_eq!(failing(only($case), || bed(Fault::$fault)), [$case]);
        })+
    };
}

caught! {
    one_line_for_all_names_is_caught: OneLineForAll by "different_names_do_not_wait";
    a_wait_without_end_is_caught: IgnoresWait by "waiting_ends";
    a_late_wake_up_is_caught: WakesLate by "releasing_wakes_the_next";
    a_drop_that_releases_nothing_is_caught: DropKeeps by "dropping_releases";
    last_come_first_served_is_caught: LastComeFirst by "waiters_are_served_in_order";
    a_turn_for_the_dead_is_caught: ServesTheDead by "a_waiter_that_gives_up_is_skipped";
    a_constant_fence_is_caught: ConstantFence by "fences_rise";
    a_fence_that_starts_again_is_caught: FenceStartsAgain by "fences_rise";
    a_lease_for_ever_is_caught: NeverExpires by "an_expired_lease_is_lost";
    a_lost_lease_that_looks_held_is_caught: LostLooksHeld by "an_expired_lease_is_lost";
    a_late_release_that_frees_the_next_is_caught: LateReleaseFreesTheNext by "a_late_release_harms_nobody";
    a_line_with_room_for_a_hundred_is_caught: RoomForAHundred by "many_waiters_all_get_their_turn";
    leaked_names_are_caught: LeaksNames by "names_are_forgotten";
    names_that_nobody_counts_are_caught: CannotCount by "names_are_forgotten";
}

fn only(case: &str) -> &'static [Case<Bed>] {
    let at = CASES.iter().position(|known| known.name == case).expect("a case of that name");
    &CASES[at..=at]
}

fn bed(fault: Fault) -> Bed {
    Bed::new(Plain::new(fault), TTL)
}

/// What a [`Plain`] lock gets wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    OneLineForAll,
    IgnoresWait,
    WakesLate,
    DropKeeps,
    LastComeFirst,
    LastComeFirstAdmitted,
    ServesTheDead,
    ConstantFence,
    FenceStartsAgain,
    NeverExpires,
    LostLooksHeld,
    LateReleaseFreesTheNext,
    RoomForAHundred,
    LeaksNames,
    CannotCount,
}

/// A lock as plain as can be: whoever waits looks again and again whether it is the first in line.
struct Plain {
    fault: Fault,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    drawn: u64,
    lines: HashMap<String, VecDeque<Visitor>>,
}

struct Visitor {
    number: u64,
    /// When its lease ends, once it is the holder.
    until: Option<Instant>,
}

impl Plain {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault, lines: Arc::default() })
    }

    fn join(&self, name: &str) -> Result<Place, LockError> {
        let mut lines = look(&self.lines);
        lines.drawn += 1;
        let number = lines.drawn;
        let name = if self.fault == Fault::OneLineForAll { String::new() } else { name.to_owned() };
        let line = lines.lines.entry(name.clone()).or_default();
        if self.fault == Fault::RoomForAHundred && line.len() >= 100 {
            return Err(LockError::Busy);
        }
        let fence = match self.fault {
            Fault::ConstantFence => 7,
            Fault::FenceStartsAgain => line.len() as u64,
            _ => number,
        };
        let lifo = matches!(self.fault, Fault::LastComeFirst | Fault::LastComeFirstAdmitted);
        let at = if lifo { line.len().min(1) } else { line.len() };
        line.insert(at, Visitor { number, until: None });
        Ok(Place { fault: self.fault, lines: self.lines.clone(), name, number, fence })
    }
}

#[async_trait]
impl Lock for Plain {
    async fn acquire(&self, name: &str, wait: Duration) -> Result<Box<dyn Lease>, LockError> {
        let since = Instant::now();
        let place = self.join(name)?;
        while !place.has_turn() {
            if since.elapsed() >= wait && self.fault != Fault::IgnoresWait {
                return Err(LockError::Busy);
            }
            sleep(if self.fault == Fault::WakesLate { TTL * 3 / 4 } else { Duration::from_millis(1) }).await;
        }
        Ok(Box::new(place))
    }

    fn fair(&self) -> bool {
        self.fault != Fault::LastComeFirstAdmitted
    }

    fn names(&self) -> Option<usize> {
        (self.fault != Fault::CannotCount).then(|| look(&self.lines).lines.len())
    }
}

/// A place in a line, and the lease once it is the first.
struct Place {
    fault: Fault,
    lines: Arc<Mutex<Lines>>,
    name: String,
    number: u64,
    fence: u64,
}

impl Place {
    fn has_turn(&self) -> bool {
        let now = Instant::now();
        let mut lines = look(&self.lines);
        let Some(line) = lines.lines.get_mut(&self.name) else { return false };
        let overdue = |visitor: &mut Visitor| visitor.until.is_some_and(|until| until <= now);
        if self.fault != Fault::NeverExpires {
            line.pop_front_if(overdue);
        }
        let Some(first) = line.front_mut().filter(|first| first.number == self.number) else { return false };
        first.until = Some(now + TTL);
        true
    }

    fn leave(&self) {
        let mut lines = look(&self.lines);
        let Some(line) = lines.lines.get_mut(&self.name) else { return };
        if self.fault == Fault::LateReleaseFreesTheNext {
            line.pop_front();
        }
        line.retain(|visitor| visitor.number != self.number);
        if line.is_empty() && self.fault != Fault::LeaksNames {
            lines.lines.remove(&self.name);
        }
    }

    /// When the lease ends, while it has not passed on.
    fn until(&self) -> Option<Instant> {
        let lines = look(&self.lines);
        let first = lines.lines.get(&self.name)?.front()?;
        if first.number == self.number { first.until } else { None }
    }
}

#[async_trait]
impl Lease for Place {
    fn fence(&self) -> u64 {
        self.fence
    }

    fn is_held(&self) -> bool {
        let for_ever = matches!(self.fault, Fault::NeverExpires | Fault::LostLooksHeld);
        for_ever || self.until().is_some_and(|until| Instant::now() < until)
    }

    async fn release(self: Box<Self>) {
        self.leave();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let kept = match self.fault {
            Fault::DropKeeps => self.until().is_some(),
            Fault::ServesTheDead => self.until().is_none(),
            _ => false,
        };
        if !kept {
            self.leave();
        }
    }
}

fn look(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().expect("nothing panics while the lines are locked")
}
