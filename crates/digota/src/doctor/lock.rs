//! The lock: whether its server can be reached, and lets us in.

use digota_lock::{Look, OpenError};

use super::finding::{Check, Fix};
use super::patient::Patient;
use crate::config::nearest;
use crate::wiring;

const NAME: &str = "lock";

/// Looks at the lock, which may take as long as its server does.
pub(super) async fn check(patient: &Patient) -> Check {
    if !patient.loaded.is_sound("locker") {
        return Check::skipped(NAME, "its settings cannot be used");
    }
    let mut check = Check::new(NAME);
    match digota_lock::look(&wiring::lock(patient.settings())).await {
        Ok(look) => found(patient, look, &mut check),
        Err(error) => failed(patient, &error, &mut check),
    }
    check
}

fn found(patient: &Patient, look: Look, check: &mut Check) {
    check.seen = format!("{}: {}", patient.settings().locker.handler, look.seen);
    for doubt in look.doubts {
        let finding = check.warn(doubt.about, doubt.what);
        finding.why(doubt.why);
        finding.fix(Fix::Do(doubt.fix.to_owned()));
    }
}

fn failed(patient: &Patient, error: &OpenError, check: &mut Check) {
    let handler = patient.settings().locker.handler.as_str();
    let OpenError::UnknownHandler { .. } = error else {
        let finding = check.error("locker.address", error.to_string());
        finding.why("a server does not start without its lock");
        finding.fix(Fix::Do(
            "see that its server is up, and that address, user, password and database are right".to_owned(),
        ));
        return;
    };
    let finding = check.error("locker.handler", error.to_string());
    finding.why("a server does not start without a lock");
    let meant = nearest(handler, digota_lock::ADAPTERS.iter().copied()).unwrap_or_default();
    finding.fix(patient.set("locker.handler", meant));
}
