//! The lock.

use super::finding::{Check, Fix};
use super::patient::Patient;

const NAME: &str = "lock";

pub(super) fn check(patient: &Patient) -> Check {
    if !patient.loaded.is_sound("locker") {
        return Check::skipped(NAME, "its settings cannot be used");
    }
    let handler = patient.settings().locker.handler.as_str();
    let mut check = Check::new(NAME);
    if !digota_lock::ADAPTERS.contains(&handler) {
        let known = digota_lock::ADAPTERS.join(", ");
        let finding = check.error(
            "locker.handler",
            format!("{handler:?} is not built into this digota; there are: {known}"),
        );
        finding.why("a server does not start without a lock");
        finding.fix(match patient.settings().storage.handler.as_str() {
            "sqlite" => patient.set("locker.handler", "memory"),
            _ => Fix::Do("name one that there is, or install a digota that has this one".to_owned()),
        });
    }
    check.seen = match handler {
        "memory" => "memory: for a single node".to_owned(),
        other => other.to_owned(),
    };
    check
}
