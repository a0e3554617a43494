//! The settings: whether they can be used, and whether they are safe.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::finding::{Check, Fix, quoted};
use super::patient::Patient;
use crate::config::{Kind, Line, Origin, Problem, Settings};

const NAME: &str = "settings";

pub(super) fn check(patient: &Patient) -> Check {
    let mut check = Check::new(NAME);
    look_at_modes(patient, &mut check);
    // That everybody may write the file was said already, and keeps it from being read.
    let is_said = |problem: &&Problem| check.findings.iter().any(|finding| finding.about == problem.key);
    let problems: Vec<&Problem> = patient.problems.iter().filter(|problem| !is_said(problem)).collect();
    for problem in problems {
        let finding = check.error(&problem.key, &problem.text);
        finding.why(match problem.meant {
            Some(_) => {
                "a server does not start with a setting that it does not know: somebody meant something by it"
            }
            None => "a server does not start before this is settled",
        });
        finding.fix = fixes(patient, problem);
    }
    look_at_safety(patient, &mut check);
    check.seen = match &patient.file {
        Some(file) if file.exists() => format!("{} and the environment", file.display()),
        _ => "the environment alone; there is no settings file".to_owned(),
    };
    check
}

fn fixes(patient: &Patient, problem: &Problem) -> Vec<Fix> {
    let path = problem.path.as_ref().unwrap_or(&problem.key);
    let found = match (&problem.origin, &problem.meant) {
        (Some(origin), Some(meant)) => rename(patient, origin, path, meant),
        // Set, and in a file of its own as well.
        (Some(Origin::Environment(name)), None) if problem.path.is_none() => vec![Fix::Unset(name.clone())],
        _ => reset(patient, path),
    };
    match found.is_empty() {
        true => {
            vec![Fix::Do(format!("correct {}; `digota config --describe` says what it may be", problem.key))]
        }
        false => found,
    }
}

/// An unknown name becomes the one that was probably meant.
fn rename(patient: &Patient, origin: &Origin, key: &str, meant: &str) -> Vec<Fix> {
    match origin {
        Origin::Environment(from) => vec![Fix::Rename { from: from.clone(), to: meant.to_owned() }],
        Origin::File(file, number) => {
            let names = |path: &str| {
                path.split('.').filter(|part| part.parse::<u16>().is_err()).map(str::to_owned).collect()
            };
            let (is, should): (Vec<String>, Vec<String>) = (names(key), names(meant));
            let mut different = is.iter().zip(&should).filter(|(is, should)| is != should);
            let line = match (is.len() == should.len(), different.next(), different.next()) {
                (true, Some((is, should)), None) => Line::renaming(file, &patient.text, *number, is, should),
                (true, None, None) => Line::listing(file, &patient.text, *number),
                _ => None,
            };
            line.map(Fix::Line).into_iter().collect()
        }
        _ => vec![],
    }
}

/// A value that can't be used becomes one that can.
fn reset(patient: &Patient, path: &str) -> Vec<Fix> {
    match path {
        "insecure" => vec![patient.set("address", format!("127.0.0.1:{}", patient.settings().address.port))],
        "tls.key" | "tls.crt" | "tls.cacrt" => super::door::make(patient, path),
        path if path.starts_with("clients.") => super::clients::reset(patient, path),
        path => {
            let known = Settings::keys().into_iter().find(|key| key.path == path);
            let default = known.map(|key| key.default).filter(|default| !default.is_null());
            default.map(|default| patient.set(path, default)).into_iter().collect()
        }
    }
}

/// A file that others may write decides for them who may call; a secret in one that they may read is none.
fn look_at_modes(patient: &Patient, check: &mut Check) {
    let Some(file) = patient.file.as_deref().filter(|file| file.exists()) else { return };
    let mode = mode(file);
    if mode & 0o022 != 0 {
        let (about, what) = (file.display().to_string(), format!("others may write it (mode {mode:04o})"));
        let finding = match mode & 0o002 {
            0 => check.warn(about, what),
            _ => check.error(about, what),
        };
        finding.why("whoever can write the settings decides who may call and where the money goes");
        finding.fix(Fix::Run(format!("chmod go-w {}", quoted(file))));
    }
    let secrets = Settings::keys().into_iter().filter(|key| key.kind == Kind::Secret);
    let secret =
        secrets.map(|key| key.path).find(|path| matches!(patient.loaded.origin(path), Origin::File(..)));
    if let Some(secret) = secret.filter(|_| mode & 0o044 != 0) {
        let finding = check.warn(
            file.display().to_string(),
            format!("holds {secret}, and others may read it (mode {mode:04o})"),
        );
        finding.why("a secret that everybody on this machine can read is none");
        finding.fix(Fix::Run(format!("chmod go-rw {}", quoted(file))));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o7777)
}

fn look_at_safety(patient: &Patient, check: &mut Check) {
    let settings = patient.settings();
    let is_public = !settings.address.is_loopback();
    if settings.insecure && (!is_public || settings.insecure_public) {
        let whom = if is_public { "everybody who can reach it" } else { "everybody on this machine" };
        let finding = check.warn(
            "insecure",
            format!("the server at {} lets {whom} do everything, unencrypted", settings.address),
        );
        finding.why("without TLS nobody knows who calls: any program may read orders, change prices and refund charges");
        finding.fix(patient.set("insecure", false));
    }
    if is_public && let Some(index) = settings.payment.iter().position(|account| account.is_sandbox()) {
        let finding = check.warn(
            format!("payment.{index}.provider"),
            format!("the sandbox answers at {}, which others can reach", settings.address),
        );
        finding.why("it accepts any card and moves no money: whoever orders there gets goods for nothing");
        finding.fix(Fix::Do("configure a gateway that moves money, or listen on 127.0.0.1".to_owned()));
    }
}
