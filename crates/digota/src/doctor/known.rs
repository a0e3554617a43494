//! Certificates in files, as far as the checks need to know them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use crate::tls::{File, Issuer, Leaf, read_certificates};

/// A certificate, and those that follow it in its file.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) rest: Vec<CertificateDer<'static>>,
    /// Whose it is.
    pub(super) subject: Issuer,
    /// Who signed it.
    pub(super) issuer: Issuer,
    pub(super) is_authority: bool,
    /// What of it a whitelist can name, where it may be a client's.
    pub(super) leaf: Option<Leaf>,
    /// The hosts that it is for.
    pub(super) names: Vec<String>,
    pub(super) not_after: Timestamp,
}

/// The first certificate of a file.
pub(super) fn read(path: &Path) -> Option<Certificate> {
    let mut chain = read_certificates(&File::new("a certificate", path)).ok()?;
    let rest = chain.split_off(1);
    Some(Certificate { rest, ..parse(chain.pop()?)? })
}

/// Every certificate of a file.
pub(super) fn read_all(path: &Path) -> Vec<Certificate> {
    let all = read_certificates(&File::new("a certificate", path)).unwrap_or_default();
    all.into_iter().filter_map(parse).collect()
}

/// The certificates in the files of a folder, by file name.
pub(super) fn in_folder(folder: &Path) -> Vec<(PathBuf, Certificate)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "crt"));
    let mut found: Vec<_> = files.filter_map(|path| Some((path.clone(), read(&path)?))).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// The file beside this certificate that holds the one of the CA that signed it.
pub(super) fn authority_of(path: &Path) -> Option<PathBuf> {
    let issuer = read(path)?.issuer;
    let folder = path.parent()?;
    let signed = |certificate: &Certificate| certificate.is_authority && certificate.subject == issuer;
    in_folder(folder).into_iter().find(|(_, certificate)| signed(certificate)).map(|(path, _)| path)
}

fn parse(der: CertificateDer<'static>) -> Option<Certificate> {
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some(Certificate {
        rest: Vec::new(),
        subject: Issuer::of(certificate.subject()),
        issuer: Issuer::of(certificate.issuer()),
        is_authority: certificate.is_ca(),
        leaf: Leaf::read(&der).ok(),
        names: names(&certificate),
        not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?,
        der: der.clone(),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    names.collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

impl Certificate {
    /// Whether its time ends within so many days, or has ended.
    pub(super) fn ends_within(&self, now: Timestamp, days: i64) -> bool {
        now.checked_add(SignedDuration::from_hours(24 * days)).is_ok_and(|then| self.not_after < then)
    }

    /// The day of its last second.
    pub(super) fn last_day(&self) -> String {
        self.not_after.strftime("%Y-%m-%d").to_string()
    }
}
