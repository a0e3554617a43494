//! What a client's certificate says about it, once TLS has proved that it is the client's.

use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

use super::fingerprint::Fingerprint;
use super::issuer::Issuer;
use super::serial::{self, Serial};

/// The parts of a client certificate that the whitelist can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The CA that signed it.
    pub(crate) issuer: Issuer,
    /// Its number within that CA.
    pub(crate) serial: Serial,
    /// SHA-256 of its DER form.
    pub(crate) fingerprint: Fingerprint,
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
    /// No extended key usage, or one without clientAuth.
    #[error("the client certificate is not meant for clients: its extended key usage lacks clientAuth")]
    Usage,
}

impl Leaf {
    /// Reads a certificate in DER form and checks that it is version 3 and made for client authentication.
    ///
    /// Says nothing about signature or dates: those are the verifier's.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Refusal> {
        let certificate = match parse_x509_certificate(der) {
            Ok(([], certificate)) => certificate,
            _ => return Err(Refusal::Malformed),
        };
        if certificate.version().0 != 2 {
            return Err(Refusal::Version(certificate.version().0.saturating_add(1)));
        }
        if !authenticates_clients(&certificate)? {
            return Err(Refusal::Usage);
        }
        Ok(Self {
            issuer: Issuer::of(certificate.issuer()),
            serial: Serial::from_der(certificate.raw_serial())?,
            fingerprint: Fingerprint::of(der),
        })
    }
}

fn authenticates_clients(certificate: &X509Certificate<'_>) -> Result<bool, Refusal> {
    let usage = certificate.extended_key_usage().map_err(|_| Refusal::Malformed)?;
    Ok(usage.is_some_and(|usage| usage.value.client_auth))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SerialNumber};
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
    fn a_certificate_without_usage_is_refused() {
        assert_eq!(Leaf::read(&certificate(vec![])), Err(Refusal::Usage));
    }

    #[test]
    fn a_server_certificate_is_refused() {
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        assert_eq!(Leaf::read(&certificate(usages)), Err(Refusal::Usage));
    }

    #[test]
    fn a_version_1_certificate_is_refused() {
        let der = CertificateDer::from_pem_slice(include_bytes!("testdata/version1.crt")).unwrap();
        assert_eq!(Leaf::read(&der), Err(Refusal::Version(1)));
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
