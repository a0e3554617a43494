//! The three files of the TLS door: modes, dates, which key belongs to which certificate, who signed what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::finding::{Check, Finding, Fix, quoted};
use super::folder;
use super::known::{self, Certificate};
use super::patient::Patient;
use crate::tls::{Credentials, Error, Files, MinVersion};

const NAME: &str = "tls";

/// When to think of the next certificate.
const SOON_DAYS: i64 = 14;

pub(super) fn check(patient: &Patient) -> Check {
    if patient.settings().insecure {
        return Check::skipped(NAME, "insecure = true: there is no TLS");
    }
    let Some(files) = patient.settings().tls_files().filter(|_| patient.loaded.is_sound("tls")) else {
        return Check::skipped(NAME, "tls.key, tls.crt and tls.cacrt are not all set");
    };
    let mut check = Check::new(NAME);
    match Credentials::load(&files, patient.settings().tls.min_version) {
        Ok(_) => look_closer(patient, &files, &mut check),
        Err(error) => {
            let finding = check.error(about(&error), error.to_string());
            explain(finding, patient, &files, &error);
        }
    }
    check
}

/// The setting that an error of the door is about.
fn about(error: &Error) -> String {
    let text = error.to_string();
    let setting = ["tls.key", "tls.crt", "tls.cacrt"].into_iter().find(|setting| text.starts_with(setting));
    setting.unwrap_or("tls").to_owned()
}

fn explain(finding: &mut Finding, patient: &Patient, files: &Files, error: &Error) {
    match error {
        Error::Missing(file) => {
            finding.why("a server shows these files to every client, and does not start without them");
            finding.fix = make_in(patient, files)
                .unwrap_or_else(|| vec![Fix::Do(format!("put the file at {}", file.path.display()))]);
        }
        Error::Unreadable(file, _) => {
            finding
                .why("a server reads it with the rights of the user that it runs as, as this command does");
            finding
                .fix(Fix::Run(format!("sudo chown \"$(id -un)\" {0} && chmod u+r {0}", quoted(&file.path))));
        }
        Error::LooseMode(file, _) => {
            finding.why("whoever reads the key can pose as this server");
            finding.fix(Fix::Run(format!("chmod 600 {}", quoted(&file.path))));
        }
        Error::Encrypted(file) => {
            let (path, plain) = (quoted(&file.path), quoted(&file.path.with_extension("plain.key")));
            finding.why("nobody is there to type the pass phrase when a server starts");
            finding.fix(Fix::Run(format!("umask 077 && openssl pkey -in {path} -out {plain}")));
            finding.fix(patient.set("tls.key", file.path.with_extension("plain.key").display().to_string()));
        }
        Error::KeyMismatch { certificate, .. } => {
            finding.why(
                "no client can shake hands with a server that cannot prove that its certificate is its own",
            );
            finding.fix = match key_of(&certificate.path) {
                Some(key) => vec![patient.set("tls.key", key.display().to_string())],
                None => reissue(patient, files),
            };
        }
        Error::Expired(file, _) if file.setting == "tls.crt" => {
            finding.why("no client believes a certificate whose time is over");
            finding.fix = reissue(patient, files);
        }
        Error::NotYetValid(..) => {
            finding.why("no client believes a certificate whose time has not come");
            finding.fix(super::clock::set());
        }
        Error::Expired(file, _) => {
            finding.why(
                "what an expired CA has signed is not believed any more, clients' certificates included",
            );
            let new = file.path.parent().unwrap_or(Path::new("")).join("new");
            finding.fix(Fix::Run(format!("digota ca init --dir {}", quoted(&new))));
            finding.fix(Fix::Do(
                "write the lines that it prints, and issue every client a certificate of the new CA"
                    .to_owned(),
            ));
        }
        Error::NotAnAuthority(file) => {
            finding.why("without its CA's certificate a server cannot tell a client from a stranger");
            finding.fix = match known::authority_of(&file.path) {
                Some(ca) => vec![patient.set("tls.cacrt", ca.display().to_string())],
                None => vec![Fix::Do(
                    "name the certificate of the CA that signed the clients' certificates".to_owned(),
                )],
            };
        }
        _ => {
            finding.why("a server does not start with files that it cannot use");
            finding.fix = match about(error).as_str() {
                "tls.cacrt" => vec![Fix::Do("put the CA's certificate there again, from a copy".to_owned())],
                _ => reissue(patient, files),
            };
        }
    }
}

/// What makes the files that a setting lacks.
pub(super) fn make(patient: &Patient, path: &str) -> Vec<Fix> {
    let folder = Path::new("certs");
    let (file, is_first) = match path {
        "tls.key" => ("server.key", true),
        "tls.crt" => ("server.crt", false),
        _ => ("ca.crt", false),
    };
    let init = Fix::Run(format!("digota ca init --dir {}", folder.display()));
    let is_there = folder.join("ca.crt").exists();
    let line = patient.set(path, folder.join(file).display().to_string());
    // One command makes all three.
    let init = (is_first && !is_there).then_some(init);
    init.into_iter().chain([line]).collect()
}

/// What makes all three, where they are called as `digota ca init` calls them and none is there.
fn make_in(_: &Patient, files: &Files) -> Option<Vec<Fix>> {
    let folder = files.cacrt.parent()?;
    let usual = [(&files.key, "server.key"), (&files.crt, "server.crt"), (&files.cacrt, "ca.crt")];
    let is_usual = usual.into_iter().all(|(path, name)| *path == folder.join(name) && !path.exists());
    is_usual.then(|| vec![Fix::Run(format!("digota ca init --dir {}", quoted(folder)))])
}

/// What makes another certificate of the same CA for the server, under the same names.
fn reissue(patient: &Patient, files: &Files) -> Vec<Fix> {
    let Some(folder) = files
        .cacrt
        .parent()
        .filter(|folder| folder.join("ca.key").exists() && files.cacrt == folder.join("ca.crt"))
    else {
        return vec![Fix::Do(
            "have its CA sign another one, and put it and its key in their places".to_owned(),
        )];
    };
    let names =
        known::read(&files.crt).map(|certificate| certificate.names).filter(|names| !names.is_empty());
    let names = names.unwrap_or_else(|| ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec());
    let is_free =
        |name: &String| ["crt", "key"].iter().all(|end| !folder.join(format!("{name}.{end}")).exists());
    let mut free = (2..).map(|number| format!("server-{number}")).filter(is_free);
    let name = free.next().unwrap_or_default();
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    vec![
        Fix::Run(format!(
            "digota ca issue {name} --dir {} --server-name {}",
            quoted(folder),
            names.join(",")
        )),
        patient.set("tls.key", file("key")),
        patient.set("tls.crt", file("crt")),
    ]
}

/// The key beside a certificate that belongs to it.
fn key_of(certificate: &Path) -> Option<PathBuf> {
    let folder = certificate.parent()?;
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let keys =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "key"));
    let cacrt = folder.join("ca.crt");
    let fits = |key: &PathBuf| {
        let files = Files { key: key.clone(), crt: certificate.to_owned(), cacrt: cacrt.clone() };
        Credentials::load(&files, MinVersion::default()).is_ok()
    };
    let mut keys: Vec<PathBuf> = keys.filter(fits).collect();
    keys.sort();
    keys.into_iter().next()
}

/// The files are good: how long, for whom, and signed by whom?
fn look_closer(patient: &Patient, files: &Files, check: &mut Check) {
    folder::look_at_mode(check, "tls.key", &files.key);
    let authorities = known::read_all(&files.cacrt);
    let Some(own) = known::read(&files.crt) else { return };
    let first = authorities.iter().min_by_key(|authority| authority.not_after);
    if own.ends_within(patient.now, SOON_DAYS) {
        let finding = check.warn("tls.crt", format!("{} ends on {}", files.crt.display(), own.last_day()));
        finding.why("from then on no client believes it");
        finding.fix = reissue(patient, files);
    }
    if let Some(authority) = first.filter(|authority| authority.ends_within(patient.now, SOON_DAYS)) {
        let finding =
            check.warn("tls.cacrt", format!("{} ends on {}", files.cacrt.display(), authority.last_day()));
        finding.why("from then on nothing that it signed is believed, clients' certificates included");
        finding.fix(Fix::Do("make a new CA with `digota ca init`, and append its certificate to this file until every client has one of it".to_owned()));
    }
    if own.names.is_empty() {
        let finding = check.warn("tls.crt", format!("{} names no host", files.crt.display()));
        finding.why("clients compare the name that they call with the names in the certificate, and hang up");
        finding.fix = reissue(patient, files);
    }
    let signed = match is_signed(&own, &authorities) {
        true => "signed by the CA in tls.cacrt",
        false => "signed by another CA than those in tls.cacrt: clients have to trust that one",
    };
    check.seen = format!("for {}, until {}, {signed}", own.names.join(", "), own.last_day());
}

/// Whether a client that trusts these CAs believes the server's certificate.
fn is_signed(own: &Certificate, authorities: &[Certificate]) -> bool {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let _ = roots.add(authority.der.clone());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let name = own.names.first().and_then(|name| ServerName::try_from(name.clone()).ok());
    let (Ok(verifier), Some(name)) = (verifier, name) else { return false };
    let (first, rest): (&CertificateDer<'static>, _) = (&own.der, own.rest.as_slice());
    verifier.verify_server_cert(first, rest, &name, &[], UnixTime::now()).is_ok()
}
