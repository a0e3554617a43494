//! The address: whether a server can listen there.

use std::io::ErrorKind;

use super::finding::{Check, Fix};
use super::patient::Patient;
use super::process;
use super::storage::Looked;
use crate::config::Listen;
use crate::lines;

const NAME: &str = "port";

pub(super) async fn check(patient: &Patient, storage: &Looked) -> Check {
    if !patient.loaded.is_sound("address") {
        return Check::skipped(NAME, "the address cannot be used");
    }
    let address = &patient.settings().address;
    let mut check = Check::new(NAME);
    let Err(error) = lines::bind(address).await else {
        check.seen = format!("{address} is free");
        return check;
    };
    let owner = process::listening_on(address.port);
    let is_this_shop = |pid: &u32| storage.holder().is_some_and(|holder| holder == pid.to_string());
    if let Some(pid) = owner.filter(is_this_shop) {
        check.seen = format!("{address} is served by this shop's digota, process {pid}");
        return check;
    }
    let finding = check.error(
        "address",
        match error.kind() {
            ErrorKind::AddrInUse => format!("{address} is taken by {}", process::named(owner)),
            _ => format!("a server can't listen on {address}: {error}"),
        },
    );
    finding.why("a server that can't listen does not start");
    finding.fix(match error.kind() {
        ErrorKind::AddrInUse => match free_beside(address).await {
            Some(free) => patient.set("address", free.to_string()),
            None => Fix::Do("stop the other program, or name another port".to_owned()),
        },
        ErrorKind::PermissionDenied => {
            patient.set("address", Listen { port: 3051, ..address.clone() }.to_string())
        }
        _ => patient.set("address", Listen { host: "127.0.0.1".to_owned(), port: address.port }.to_string()),
    });
    check
}

/// The next port of the same host that is free.
async fn free_beside(address: &Listen) -> Option<Listen> {
    for port in (address.port.saturating_add(1)..=u16::MAX).take(100) {
        let other = Listen { port, ..address.clone() };
        if lines::bind(&other).await.is_ok() {
            return Some(other);
        }
    }
    None
}
