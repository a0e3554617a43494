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

/// rustls' verifier (chain, dates, usage if stated), and our rule that clientAuth must be stated.
#[derive(Debug)]
pub(super) struct ClientVerifier(Arc<dyn ClientCertVerifier>);

impl ClientVerifier {
    /// Trusts certificates signed by one of `roots`; a client without one is turned away.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map(Self)
            .map_err(|error| Error::General(error.to_string()))
    }
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
    use crate::tls::refusal;

    /// A day after the certificates in testdata were made, in Unix seconds.
    const VALID_AT: u64 = 1_795_499_822;

    /// Judges a certificate that openssl signed, at a time when it was valid.
    fn judge(pem: &[u8]) -> Result<(), String> {
        let certificate = |pem: &[u8]| CertificateDer::from_pem_slice(pem).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(include_bytes!("testdata/openssl-ca.crt"))).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(VALID_AT));
        match ClientVerifier::new(roots).unwrap().verify_client_cert(&certificate(pem), &[], now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(error)) => Err(refusal::of_certificate(&error)),
            Err(error) => Err(error.to_string()),
        }
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
