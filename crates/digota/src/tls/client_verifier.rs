//! Judges a client's certificate during the handshake.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::leaf::{Leaf, Refusal};
use super::refusal;

/// rustls' verifier (chain, dates, extended key usage), and what a [`Leaf`] must be.
#[derive(Debug)]
pub(crate) struct ClientVerifier(Arc<dyn ClientCertVerifier>);

impl ClientVerifier {
    /// Trusts certificates signed by one of `roots`; a client without one is turned away.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map(Self)
            .map_err(|error| Error::General(error.to_string()))
    }

    /// Judges a chain that begins with the client's own certificate; if it is refused, why.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), String> {
        let Some((client, intermediates)) = chain.split_first() else {
            return Err("no client certificate".to_owned());
        };
        match self.verify_client_cert(client, intermediates, now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) => Err(refusal::of_certificate(&error)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Judges a chain as a server does that trusts these CAs; if it is refused, why.
pub(crate) fn judge(authorities: &[CertificateDer<'_>], chain: &[CertificateDer<'_>]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone().into_owned()).map_err(|error| error.to_string())?;
    }
    ClientVerifier::new(roots).map_err(|error| error.to_string())?.judge(chain, UnixTime::now())
}

/// Trusts the CAs with these certificates.
#[cfg(test)]
pub(super) fn trusting(authorities: &[&str]) -> ClientVerifier {
    use rustls_pki_types::pem::PemObject;

    let mut roots = RootCertStore::empty();
    for pem in authorities {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    ClientVerifier::new(roots).unwrap()
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(end_entity, intermediates, now)?;
        match Leaf::read(end_entity) {
            Ok(_) => Ok(verified),
            Err(Refusal::Usage) => Err(CertificateError::InvalidPurpose.into()),
            Err(refusal) => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls_pki_types::pem::PemObject;

    use super::*;

    /// A day after the certificates in testdata were made, in Unix seconds.
    const VALID_AT: u64 = 1_795_499_822;

    /// Judges a certificate that openssl signed, at a time when it was valid.
    fn judge(pem: &[u8]) -> Result<(), String> {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(VALID_AT));
        let certificate = CertificateDer::from_pem_slice(pem).unwrap();
        trusting(&[include_str!("testdata/openssl-ca.crt")]).judge(&[certificate], now)
    }

    #[test]
    fn a_certificate_of_openssl_is_accepted() {
        assert_eq!(judge(include_bytes!("testdata/openssl-client.crt")), Ok(()));
    }

    #[test]
    fn a_version_1_certificate_is_refused_with_a_reason() {
        let reason = judge(include_bytes!("testdata/version1.crt")).unwrap_err();
        assert!(reason.contains("not of X.509 version 3"), "{reason}");
    }
}
