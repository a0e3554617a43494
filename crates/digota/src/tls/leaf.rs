//! What a client's certificate says about it, once TLS has proved that it is the client's.

use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

use super::fingerprint::Fingerprint;
use super::issuer::Issuer;
use super::serial::{self, Serial};

/// The shortest RSA key whose signatures are believed.
const RSA_BITS_MIN: usize = 2048;

/// The parts of a client certificate that the whitelist can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The CA that signed it.
    pub(crate) issuer: Issuer,
    /// Its number within that CA.
    pub(crate) serial: Serial,
    /// SHA-256 of its DER form.
    pub(crate) fingerprint: Fingerprint,
    /// The last second of its time, in Unix seconds.
    pub(crate) not_after: i64,
}

/// Why a certificate that the CA signed still can't be a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Not X.509.
    #[error("the client certificate is malformed")]
    Malformed,
    /// Versions 1 and 2 can't say what a certificate is for.
    #[error("the client certificate has X.509 version {0}, not 3: issue it with extensions")]
    Version(u32),
    /// No usable serial.
    #[error("the client certificate is unusable: {0}")]
    Serial(#[from] serial::Error),
    /// An extended key usage that names other purposes only.
    #[error("the client certificate is not meant for clients: its extended key usage lacks clientAuth")]
    Usage,
    /// An RSA key that can be factored.
    #[error("the client certificate's RSA key is too short: {0} bits, and {RSA_BITS_MIN} are needed")]
    ShortKey(usize),
    /// A key usage that forbids what a client does with its key.
    #[error("the client certificate is not meant for clients: its key usage lacks digitalSignature")]
    KeyUsage,
}

impl Leaf {
    /// Reads a certificate in DER form and checks that it is version 3 and that nothing in it forbids to be a client.
    ///
    /// A certificate that does not say what it is for may be a client's (RFC 5280, 4.2.1.3 and 4.2.1.12): openssl makes
    /// such ones, and the whitelist names each client anyway. Says nothing about signature or dates: those are the
    /// verifier's.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Refusal> {
        let certificate = match parse_x509_certificate(der) {
            Ok(([], certificate)) => certificate,
            _ => return Err(Refusal::Malformed),
        };
        if certificate.version().0 != 2 {
            return Err(Refusal::Version(certificate.version().0.saturating_add(1)));
        }
        check_usage(&certificate)?;
        check_key(&certificate)?;
        Ok(Self {
            issuer: Issuer::of(certificate.issuer()),
            serial: Serial::from_der(certificate.raw_serial())?,
            fingerprint: Fingerprint::of(der),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }
}

/// Judges as `openssl verify -purpose sslclient` does.
fn check_usage(certificate: &X509Certificate<'_>) -> Result<(), Refusal> {
    let extended = certificate.extended_key_usage().map_err(|_| Refusal::Malformed)?;
    if extended.is_some_and(|usage| !usage.value.client_auth) {
        return Err(Refusal::Usage);
    }
    let usage = certificate.key_usage().map_err(|_| Refusal::Malformed)?;
    if usage.is_some_and(|usage| !usage.value.digital_signature() && !usage.value.key_agreement()) {
        return Err(Refusal::KeyUsage);
    }
    Ok(())
}

/// rustls would find the signature of such a key bad and not say why.
fn check_key(certificate: &X509Certificate<'_>) -> Result<(), Refusal> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS_MIN => Err(Refusal::ShortKey(key.key_size())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SerialNumber};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    fn certificate(usages: Vec<ExtendedKeyUsagePurpose>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&[0x00, 0xa2, 0xff]));
        params.extended_key_usages = usages;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_client_certificate_is_read() {
        let der = certificate(vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]);
        let leaf = Leaf::read(&der).unwrap();
        assert_eq!(leaf.issuer, "CN=rcgen self signed cert".parse().unwrap());
        assert_eq!(leaf.serial, "A2FF".parse().unwrap());
        assert_eq!(leaf.fingerprint, Fingerprint::of(&der));
    }

    #[test]
    fn a_certificate_that_does_not_say_what_it_is_for_is_read() {
        assert!(Leaf::read(&certificate(vec![])).is_ok());
    }

    #[test]
    fn a_server_certificate_is_refused() {
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        assert_eq!(Leaf::read(&certificate(usages)), Err(Refusal::Usage));
    }

    #[test]
    fn a_key_that_may_only_encipher_is_no_client_s() {
        for (usage, expected) in [
            (KeyUsagePurpose::KeyEncipherment, Err(Refusal::KeyUsage)),
            (KeyUsagePurpose::DigitalSignature, Ok(())),
            (KeyUsagePurpose::KeyAgreement, Ok(())),
        ] {
            let mut params = CertificateParams::default();
            params.serial_number = Some(SerialNumber::from_slice(&[1]));
            params.key_usages = vec![usage];
            let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
            assert_eq!(Leaf::read(&der).map(drop), expected, "{usage:?}");
        }
    }

    #[test]
    fn a_version_1_certificate_is_refused() {
        let der = CertificateDer::from_pem_slice(include_bytes!("testdata/version1.crt")).unwrap();
        assert_eq!(Leaf::read(&der), Err(Refusal::Version(1)));
    }

    #[test]
    fn a_short_rsa_key_is_refused() {
        let pem = include_bytes!("../../tests/it/doors/testdata/too-short.crt");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        assert_eq!(Leaf::read(&der), Err(Refusal::ShortKey(1024)));
    }

    #[test]
    fn a_certificate_of_openssl_is_read() {
        let der = CertificateDer::from_pem_slice(include_bytes!("testdata/openssl-client.crt")).unwrap();
        let leaf = Leaf::read(&der).unwrap();
        assert_eq!(leaf.serial, "A2FF9503829A3A0DDE9CB87191A472D4".parse().unwrap());
        assert_eq!(
            leaf.issuer,
            "emailAddress=ca@company.com, CN=ca.company.com, O=\"Company, Inc.\", C=US".parse().unwrap()
        );
    }

    #[test]
    fn noise_is_refused() {
        assert_eq!(Leaf::read(b"noise"), Err(Refusal::Malformed));
        let mut der = certificate(vec![ExtendedKeyUsagePurpose::ClientAuth]);
        der.push(0);
        assert_eq!(Leaf::read(&der), Err(Refusal::Malformed));
    }
}
