//! A certificate authority: makes itself, servers' and clients' certificates. EC P-256 throughout.

use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use zeroize::Zeroizing;

use crate::tls::Serial;

/// How far a certificate's beginning is put back, for clients whose clock is behind.
const CLOCK_SKEW_S: i64 = 300;
const DAY_S: i64 = 86_400;

/// A certificate authority with its key.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    not_after: Timestamp,
}

/// A certificate with its key, in PEM form.
pub(crate) struct Issued {
    /// The certificate.
    pub(crate) certificate_pem: String,
    /// Its private key, PKCS #8.
    pub(crate) key_pem: Zeroizing<String>,
    /// Its number within the authority.
    pub(crate) serial: Serial,
    /// The end of its time.
    pub(crate) not_after: Timestamp,
}

/// From when until when a certificate is valid. May lie in the past, as tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The first second.
    pub(crate) not_before: Timestamp,
    /// The last second.
    pub(crate) not_after: Timestamp,
}

impl Validity {
    /// From five minutes before `now`, since clocks differ, until `days` after it.
    pub(crate) fn days(now: Timestamp, days: u32) -> Self {
        let at = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        Self {
            not_before: at(now.as_second() - CLOCK_SKEW_S),
            not_after: at(now.as_second() + i64::from(days) * DAY_S),
        }
    }

    /// Ends no later than `last`: a certificate that outlives its authority is refused by clients.
    fn until(self, last: Timestamp) -> Self {
        Self { not_after: self.not_after.min(last), ..self }
    }
}

impl Authority {
    /// Makes a new authority called `name`.
    pub(crate) fn create(name: &str, validity: Validity) -> anyhow::Result<Self> {
        let mut params = params(name, validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(random_serial());
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate_pem: certificate.pem(),
            not_after: validity.not_after,
        })
    }

    /// Takes up an authority again from its two PEM texts.
    pub(crate) fn from_pem(certificate_pem: &str, key_pem: &str) -> anyhow::Result<Self> {
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .context("the CA certificate is not PEM")?;
        let (_, certificate) =
            x509_parser::parse_x509_certificate(&der).context("the CA certificate is not X.509")?;
        ensure!(certificate.is_ca(), "the certificate is not a CA's");
        let key = KeyPair::from_pem(key_pem).context("the CA key cannot be read")?;
        ensure!(is_pair(&certificate, &key), "the CA's key and certificate do not belong together");
        Ok(Self {
            not_after: Timestamp::from_second(certificate.validity().not_after.timestamp())?,
            issuer: Issuer::from_ca_cert_der(&der, key)?,
            certificate_pem: certificate_pem.to_owned(),
        })
    }

    /// The authority's own certificate, for clients and servers that trust it.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key.
    pub(super) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// Makes a server's certificate for these DNS names and IP addresses, at least one.
    pub(crate) fn issue_server(&self, names: &[String], validity: Validity) -> anyhow::Result<Issued> {
        let first = names.first().context("a server certificate needs at least one name")?;
        let mut params = params(first, validity.until(self.not_after));
        params.subject_alt_names = CertificateParams::new(names)
            .context("a server name is no DNS name and no IP address")?
            .subject_alt_names;
        params.extended_key_usages = vec![Usage::ServerAuth];
        self.issue(params, validity)
    }

    /// Makes the certificate of the client called `name`.
    pub(crate) fn issue_client(&self, name: &str, validity: Validity) -> anyhow::Result<Issued> {
        let mut params = params(name, validity.until(self.not_after));
        params.extended_key_usages = vec![Usage::ClientAuth];
        self.issue(params, validity)
    }

    fn issue(&self, mut params: CertificateParams, validity: Validity) -> anyhow::Result<Issued> {
        let serial = random_serial();
        let key = KeyPair::generate()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial.clone());
        Ok(Issued {
            certificate_pem: params.signed_by(&key, &self.issuer)?.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
            serial: Serial::from_der(serial.as_ref())?,
            not_after: validity.until(self.not_after).not_after,
        })
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // X.509 counts whole seconds; before 1970 there is nothing to certify.
    let at = |time: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.as_second().try_into().unwrap_or(0))
    };
    params.not_before = at(validity.not_before);
    params.not_after = at(validity.not_after);
    params
}

/// 16 random octets; the first is 0x40 to 0x7f, so the number is positive and of full length.
fn random_serial() -> SerialNumber {
    let mut octets: [u8; 16] = rand::random();
    octets[0] = octets[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&octets)
}

fn is_pair(certificate: &X509Certificate<'_>, key: &KeyPair) -> bool {
    *certificate.public_key().subject_public_key.data == *key.public_key_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Leaf;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn authority() -> Authority {
        Authority::create("test CA", Validity::days(now(), 10)).unwrap()
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    #[test]
    fn a_client_certificate_names_its_authority_and_its_serial() {
        let issued = authority().issue_client("shop", Validity::days(now(), 1)).unwrap();
        let leaf = Leaf::read(&der(&issued.certificate_pem)).unwrap();
        assert_eq!(leaf.serial, issued.serial);
        assert_eq!(leaf.issuer, "CN=test CA".parse().unwrap());
    }

    #[test]
    fn serials_are_positive_random_and_16_octets_long() {
        let authority = authority();
        let serial = || authority.issue_client("shop", Validity::days(now(), 1)).unwrap().serial.openssl();
        let (one, other) = (serial(), serial());
        assert_ne!(one, other);
        assert_eq!((one.len(), other.len()), (32, 32));
        assert!("4567".contains(&one[..1]), "{one}");
    }

    #[test]
    fn dates_are_as_asked_to_the_second() {
        let validity = Validity { not_before: now(), not_after: "2026-01-03T00:00:00Z".parse().unwrap() };
        let issued = authority().issue_client("shop", validity).unwrap();
        let der = der(&issued.certificate_pem);
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(certificate.validity().not_before.timestamp(), validity.not_before.as_second());
        assert_eq!(certificate.validity().not_after.timestamp(), validity.not_after.as_second());
    }

    #[test]
    fn no_certificate_outlives_its_authority() {
        let issued = authority().issue_client("shop", Validity::days(now(), 1000)).unwrap();
        assert_eq!(issued.not_after, Validity::days(now(), 10).not_after);
    }

    #[test]
    fn an_authority_taken_up_again_signs_with_the_same_name() {
        let made = authority();
        let opened = Authority::from_pem(made.certificate_pem(), &made.key_pem()).unwrap();
        let issued = opened.issue_client("shop", Validity::days(now(), 1000)).unwrap();
        let der = der(&issued.certificate_pem);
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        let ca = self::der(made.certificate_pem());
        let (_, ca) = x509_parser::parse_x509_certificate(&ca).unwrap();
        assert_eq!(certificate.issuer(), ca.subject());
        assert_eq!(issued.not_after.as_second(), ca.validity().not_after.timestamp());
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let error = Authority::from_pem(authority().certificate_pem(), &authority().key_pem()).err().unwrap();
        assert!(error.to_string().contains("do not belong together"), "{error}");
    }

    #[test]
    fn a_server_certificate_carries_names_and_addresses() {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let issued = authority().issue_server(&names, Validity::days(now(), 1)).unwrap();
        let der = der(&issued.certificate_pem);
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        let names = certificate.subject_alternative_name().unwrap().unwrap().value;
        assert_eq!(names.general_names.len(), 2);
        assert!(Leaf::read(&der).is_err(), "a server certificate is no client's");
    }
}
