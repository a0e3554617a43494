//! How often one client may do what costs most: a bucket of a second's worth for each kind of call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use digota_core::port::Clock;
use digota_core::time::Timestamp;

use crate::access::Rpc;
use crate::limits::Rates;

/// The methods that are counted, by the setting that bounds them. All services: what a method is called says what it costs.
const COUNTED: &[(&str, &[&str])] = &[
    ("limits.create_per_second", &["New"]),
    ("limits.pay_per_second", &["Pay", "NewCharge", "Charge"]),
    ("limits.refund_per_second", &["Return", "RefundCharge", "Refund"]),
];

/// Why a call comes too early.
pub(crate) struct Wait {
    /// The setting that says so.
    pub(crate) setting: &'static str,
    /// How long until it would not.
    pub(crate) span: Duration,
}

/// One client's buckets.
#[derive(Default)]
pub(crate) struct Buckets([Bucket; COUNTED.len()]);

impl Buckets {
    /// Takes one call out of its bucket.
    pub(crate) fn take(&self, rpc: Rpc, rates: &Rates, clock: &dyn Clock) -> Result<(), Wait> {
        if *rates == Rates::default() {
            return Ok(());
        }
        let method = rpc.path.rsplit('/').next().unwrap_or_default();
        let per_second = [rates.create, rates.pay, rates.refund];
        let counted = COUNTED.iter().zip(&self.0).zip(per_second);
        for (((setting, methods), bucket), rate) in counted {
            if rate > 0 && methods.contains(&method) {
                return bucket.take(rate, clock.now()).map_err(|span| Wait { setting, span });
            }
        }
        Ok(())
    }
}

/// The moment at which the bucket will be full again: later than now by what was taken out.
#[derive(Default)]
struct Bucket(Mutex<Timestamp>);

impl Bucket {
    fn take(&self, per_second: u32, now: Timestamp) -> Result<(), Duration> {
        let a_second = Duration::from_secs(1);
        let one = a_second / per_second;
        let mut full = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Never more than a second from now, even if the clock was set back.
        let taken = full.since(now).min(a_second);
        if taken + one > a_second {
            return Err(taken + one - a_second);
        }
        *full = now.after(taken + one);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::RPCS;

    const START: Timestamp = Timestamp(1_000_000_000);

    fn at_ms(ms: u64) -> Timestamp {
        START.after(Duration::from_millis(ms))
    }

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_one_at_a_time() {
        let bucket = Bucket::default();
        assert!((0..10).all(|_| bucket.take(10, START).is_ok()));
        assert_eq!(bucket.take(10, START), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(10, at_ms(60)), Err(Duration::from_millis(40)));
        assert_eq!(bucket.take(10, at_ms(100)), Ok(()));
        assert!(bucket.take(10, at_ms(100)).is_err());
        assert!((0..10).all(|_| bucket.take(10, at_ms(5000)).is_ok()));
        assert!(bucket.take(10, at_ms(5000)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let bucket = Bucket::default();
        bucket.take(1, at_ms(3_600_000)).unwrap();
        assert_eq!(bucket.take(1, START), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(1, at_ms(3_601_000)), Ok(()));
    }

    #[test]
    fn every_write_that_makes_or_moves_something_is_counted_once() {
        let counted = |method: &str| COUNTED.iter().filter(|(_, methods)| methods.contains(&method)).count();
        let methods: Vec<&str> = RPCS.iter().filter_map(|(path, ..)| path.rsplit('/').next()).collect();
        for (setting, names) in COUNTED {
            assert!(names.iter().all(|name| methods.contains(name)), "{setting}");
        }
        assert!(methods.iter().all(|method| counted(method) <= 1));
    }
}
