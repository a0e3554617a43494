//! The certificates that a folder keeps, revoked ones included.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;

use super::folder::REVOKED;
use crate::config::ClientEntry;
use crate::tls::{Fingerprint, Issuer, Serial};

/// A `.crt` file of the folder.
pub(super) struct Kept {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Whether it was revoked.
    pub(super) revoked: bool,
    /// What is in it; `None` if that is no certificate.
    pub(super) certificate: Option<Certificate>,
}

/// What a certificate says of itself.
pub(super) struct Certificate {
    /// The common name of whom it is for.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The name of the CA that signed it.
    pub(super) issuer: Issuer,
    /// Its number, if that is one that can be listed.
    pub(super) serial: Option<Serial>,
    pub(super) fingerprint: Fingerprint,
    /// Its last second, in Unix time.
    pub(super) not_after: i64,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Authority,
    Client,
    Server,
    Other,
}

/// Every `.crt` file in `folder` by name, then those that were revoked.
pub(super) fn all(folder: &Path) -> anyhow::Result<Vec<Kept>> {
    let mut kept = files(folder)?;
    match files(&folder.join(REVOKED)) {
        Ok(revoked) => kept.extend(revoked.into_iter().map(|kept| Kept { revoked: true, ..kept })),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(kept)
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn files(folder: &Path) -> anyhow::Result<Vec<Kept>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut kept = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("crt")) {
            kept.push(Kept { certificate: read(&path), path, revoked: false });
        }
    }
    kept.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(kept)
}

fn read(path: &Path) -> Option<Certificate> {
    let der = CertificateDer::from_pem_slice(&fs::read(path).ok()?).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Some(Certificate {
        name: name.unwrap_or("-").escape_debug().to_string(),
        kind: kind(&certificate),
        issuer: Issuer::of(certificate.issuer()),
        serial: Serial::from_der(certificate.raw_serial()).ok(),
        fingerprint: Fingerprint::of(&der),
        not_after: certificate.validity().not_after.timestamp(),
    })
}

fn kind(certificate: &X509Certificate<'_>) -> Kind {
    if certificate.is_ca() {
        return Kind::Authority;
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.client_auth => Kind::Client,
        Ok(Some(usage)) if usage.value.server_auth => Kind::Server,
        _ => Kind::Other,
    }
}

impl Certificate {
    /// The client that lists this certificate. An entry without issuer is taken to mean this folder's CA.
    pub(super) fn listed_as<'a>(&self, clients: &'a [ClientEntry]) -> Option<&'a str> {
        let listed = clients.iter().find(|client| {
            let ca = client.issuer.as_ref().is_none_or(|issuer| *issuer == self.issuer);
            let serial = self.serial.as_ref().is_some_and(|serial| client.serials.contains(serial));
            ca && serial || client.fingerprints.contains(&self.fingerprint)
        });
        listed.map(|client| client.name.as_str())
    }
}
