//! The clock, against every other clock that can be asked: those who wrote the newest record, and the servers.

use digota_core::time::Timestamp as Moment;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Check, Fix};
use super::gateways::Asked;
use super::patient::Patient;
use super::storage::Looked;

const NAME: &str = "clock";

/// How far clocks may differ: more than a message takes, and less than what certificates and orders notice.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// What somebody else's clock says.
#[derive(Clone, Debug)]
struct Witness {
    who: String,
    time: Timestamp,
    /// Whether it says what the time is, or only what it has been.
    is_now: bool,
}

pub(super) fn check(patient: &Patient, storage: &Looked, gateways: &[Asked]) -> Check {
    let mut witnesses = Vec::new();
    if let Looked::Found(look) = storage {
        let who = "the newest record of the storage".to_owned();
        witnesses.extend(look.newest.and_then(moment).map(|time| Witness { who, time, is_now: false }));
        let who = "the storage's server".to_owned();
        witnesses.extend(look.clock.and_then(moment).map(|time| Witness { who, time, is_now: true }));
    }
    witnesses.extend(gateways.iter().filter_map(|asked| {
        let who = format!("the gateway of {}", asked.setting);
        asked.date.map(|time| Witness { who, time, is_now: true })
    }));
    judge(patient.now, &witnesses)
}

fn moment(time: Moment) -> Option<Timestamp> {
    Timestamp::from_microsecond(time.0).ok()
}

fn judge(now: Timestamp, witnesses: &[Witness]) -> Check {
    let mut check = Check::new(NAME);
    for Witness { who, time, is_now } in witnesses {
        let behind = time.duration_since(now);
        if behind > TOLERANCE || *is_now && behind < -TOLERANCE {
            let way = if behind > SignedDuration::ZERO { "behind" } else { "ahead of" };
            let what = format!("{} {way} {who}, which says {time:.0}", spoken(behind.abs()));
            check
                .error("the clock of this machine", what)
                .why("certificates, the time to pay an order and who looks after a lost payment when all go by the clock")
                .fix(set());
        }
    }
    let asked: Vec<&str> = witnesses.iter().map(|witness| witness.who.as_str()).collect();
    check.seen = match asked.as_slice() {
        [] => format!("{now:.0}; there is no other clock to compare it with"),
        asked => format!("{now:.0}, as {} have it", asked.join(" and ")),
    };
    check
}

/// What sets the clock right.
pub(super) fn set() -> Fix {
    Fix::Run("sudo timedatectl set-ntp true".to_owned())
}

fn spoken(span: SignedDuration) -> String {
    match span.as_secs() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds @ ..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a clock that is so many seconds off what a witness says.
    fn said(is_now: bool, off: i64) -> Option<String> {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let time = now - SignedDuration::from_secs(off);
        let check = judge(now, &[Witness { who: "Ada".to_owned(), time, is_now }]);
        check.findings.first().map(|finding| finding.what.clone())
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_how_far_and_by_whom() {
        let check = |off, parts: &str| {
            let what = said(true, off).expect("it was believed");
            assert!(what.starts_with(parts), "{what:?} does not begin with {parts:?}");
        };
        check(3600, "60 minutes ahead of Ada");
        check(-3600, "60 minutes behind Ada");
        check(-31, "31 seconds behind Ada");
        check(-7 * 86_400, "7 days behind Ada");
        for fine in [-29, 0, 29] {
            assert_eq!(said(true, fine), None);
        }
    }

    #[test]
    fn an_old_record_says_nothing_and_one_from_the_future_does() {
        assert_eq!(said(false, 3600), None);
        assert!(said(false, -3600).is_some());
    }
}
