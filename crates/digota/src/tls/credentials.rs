//! The server's own certificate and the CA it trusts, made into a rustls configuration.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;

use super::client_verifier::ClientVerifier;
use super::error::Error;
use super::fingerprint::Fingerprint;
use super::issuer::Issuer;
use super::pem::{self, File};

/// The three files of the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// `tls.key`: the server's private key.
    pub(crate) key: PathBuf,
    /// `tls.crt`: the server's certificate, followed by its intermediates if it has any.
    pub(crate) crt: PathBuf,
    /// `tls.cacrt`: the CA that signs clients; further CAs may follow it.
    pub(crate) cacrt: PathBuf,
}

/// The oldest TLS version that a client may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MinVersion {
    /// TLS 1.2 with ECDHE and AEAD, and 1.3.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 alone.
    #[serde(rename = "1.3")]
    Tls13,
}

/// What the files amount to.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The configuration of every handshake: a client certificate is required, h2 is the only protocol.
    pub(crate) server: Arc<ServerConfig>,
    /// The judge of clients' certificates, during the handshake and after it.
    pub(crate) clients: Arc<ClientVerifier>,
    /// The name of the configured CA: the first certificate of `tls.cacrt`.
    pub(crate) authority: Issuer,
    /// SHA-256 of every CA's certificate, in file order.
    pub(crate) authorities: Vec<Fingerprint>,
    /// The last second of the CA that ends first.
    pub(crate) authorities_not_after: Timestamp,
    /// SHA-256 of the server's certificate.
    pub(crate) fingerprint: Fingerprint,
    /// The last second of the server's certificate, or of one that it is sent with if that ends sooner.
    pub(crate) not_after: Timestamp,
}

impl Credentials {
    /// Reads and checks the files: present, private, of one pair, each signed by the next, within their dates.
    pub(crate) fn load(files: &Files, min_version: MinVersion) -> Result<Self, Error> {
        let cacrt = File::new("tls.cacrt", &files.cacrt);
        let authorities = pem::read_certificates(&cacrt)?;
        let now = UnixTime::now();
        let mut authorities_not_after = Timestamp::MAX;
        for authority in &authorities {
            authorities_not_after = authorities_not_after.min(check_authority(&cacrt, authority, now)?);
        }
        let clients = Arc::new(ClientVerifier::new(roots(&cacrt, &authorities)?).map_err(Error::Rustls)?);
        let own = Own::load(files, now)?;
        let mut server = builder(min_version)?
            .with_client_cert_verifier(Arc::clone(&clients) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(own.pair)));
        server.alpn_protocols = vec![b"h2".to_vec()];
        // Every connection proves its certificate anew: a resumed session would outlive its expiry.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self {
            server: Arc::new(server),
            clients,
            authority: subject(&cacrt, &authorities)?,
            authorities: authorities.iter().map(|authority| Fingerprint::of(authority)).collect(),
            authorities_not_after,
            fingerprint: own.fingerprint,
            not_after: own.not_after,
        })
    }
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>;

fn builder(min_version: MinVersion) -> Result<Builder, Error> {
    let versions: &[&SupportedProtocolVersion] = match min_version {
        MinVersion::Tls12 => &[&version::TLS13, &version::TLS12],
        MinVersion::Tls13 => &[&version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).map_err(Error::Rustls)
}

/// What the server shows of itself.
struct Own {
    pair: CertifiedKey,
    fingerprint: Fingerprint,
    not_after: Timestamp,
}

impl Own {
    /// Reads certificate and key, and checks that clients can believe them.
    fn load(files: &Files, now: UnixTime) -> Result<Self, Error> {
        let crt = File::new("tls.crt", &files.crt);
        let key = File::new("tls.key", &files.key);
        let chain = pem::read_certificates(&crt)?;
        let mut not_after = Timestamp::MAX;
        for certificate in &chain {
            not_after = not_after.min(check_dates(&crt, &parse(&crt, certificate)?, now)?);
        }
        let private = pem::read_key(&key)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = match CertifiedKey::from_der(chain, private, &provider) {
            Ok(pair) => pair,
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(Error::KeyMismatch { key, certificate: crt });
            }
            Err(error) => return Err(Error::Damaged(key, error.to_string())),
        };
        check_chain(&crt, &pair.cert, now)?;
        Ok(Self { fingerprint: Fingerprint::of(&pair.cert[0]), not_after, pair })
    }
}

/// A server's certificate, each following one having signed the one before it.
fn check_chain(file: &File, chain: &[CertificateDer<'static>], now: UnixTime) -> Result<(), Error> {
    let [server, intermediates @ ..] = chain else { return Ok(()) };
    let usage = parse(file, server)?.extended_key_usage().ok().flatten().map(|usage| usage.value.server_auth);
    if usage == Some(false) {
        return Err(Error::NotForServers(file.clone()));
    }
    let [intermediates @ .., last] = intermediates else { return Ok(()) };
    let broken = |error: rustls::Error| Error::BrokenChain(file.clone(), error.to_string());
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms.all;
    let server = ParsedCertificate::try_from(server).map_err(broken)?;
    let roots = roots(file, std::slice::from_ref(last))?;
    verify_server_cert_signed_by_trust_anchor(&server, &roots, intermediates, now, algorithms).map_err(broken)
}

fn roots(file: &File, authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|error| Error::Damaged(file.clone(), error.to_string()))?;
    }
    Ok(roots)
}

fn subject(file: &File, authorities: &[CertificateDer<'static>]) -> Result<Issuer, Error> {
    let first =
        authorities.first().ok_or_else(|| Error::NotPem(file.clone(), "certificate", "CERTIFICATE"))?;
    Ok(Issuer::of(parse(file, first)?.subject()))
}

fn check_authority(file: &File, der: &CertificateDer<'_>, now: UnixTime) -> Result<Timestamp, Error> {
    let certificate = parse(file, der)?;
    if !certificate.is_ca() {
        return Err(Error::NotAnAuthority(file.clone()));
    }
    check_dates(file, &certificate, now)
}

/// The end of a certificate whose time it is.
fn check_dates(file: &File, certificate: &X509Certificate<'_>, now: UnixTime) -> Result<Timestamp, Error> {
    let validity = certificate.validity();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > validity.not_after.timestamp() {
        return Err(Error::Expired(file.clone(), validity.not_after.to_string()));
    }
    if now < validity.not_before.timestamp() {
        return Err(Error::NotYetValid(file.clone(), validity.not_before.to_string()));
    }
    Ok(Timestamp::from_second(validity.not_after.timestamp()).unwrap_or(Timestamp::MAX))
}

fn parse<'a>(file: &File, der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match x509_parser::parse_x509_certificate(der) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(Error::Damaged(file.clone(), "a certificate in it is not X.509".to_owned())),
    }
}
