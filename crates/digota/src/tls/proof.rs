//! What a peer proved in its handshake, and whether that still holds.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::client_verifier::ClientVerifier;
use super::leaf::{Leaf, Refusal};

/// The certificates that a peer proved to hold, kept as long as its connection: what is trusted may change meanwhile.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The peer's own certificate.
    pub(crate) leaf: Leaf,
    /// The same with its intermediates, as the peer sent them.
    chain: Vec<CertificateDer<'static>>,
    /// The verifier that accepted the chain last.
    accepted_by: ArcSwap<ClientVerifier>,
}

impl Proof {
    /// What `verifier` accepted during the handshake.
    pub(super) fn new(chain: &[CertificateDer<'_>], verifier: Arc<ClientVerifier>) -> Result<Self, Refusal> {
        let leaf = Leaf::read(chain.first().ok_or(Refusal::Malformed)?)?;
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Ok(Self { leaf, chain, accepted_by: ArcSwap::new(verifier) })
    }

    /// Whether the peer would come in at `now` past `verifier`; if not, why.
    ///
    /// The chain is judged anew only by a verifier that has not accepted it yet; the peer's own dates are every time.
    pub(crate) fn check(&self, verifier: &Arc<ClientVerifier>, now: UnixTime) -> Result<(), String> {
        if i64::try_from(now.as_secs()).unwrap_or(i64::MAX) > self.leaf.not_after {
            return Err("the client certificate of this connection expired".to_owned());
        }
        if Arc::ptr_eq(&self.accepted_by.load(), verifier) {
            return Ok(());
        }
        verifier.judge(&self.chain, now)?;
        self.accepted_by.store(Arc::clone(verifier));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ca::{Authority, Validity};
    use crate::tls::client_verifier::trusting;
    use rustls_pki_types::pem::PemObject;
    use std::time::Duration;

    fn authority() -> Authority {
        Authority::create("test CA", Validity::days(Timestamp::now(), 2)).unwrap()
    }

    /// A client of this authority, come in while it was trusted.
    fn proof(authority: &Authority) -> (Proof, Arc<ClientVerifier>) {
        let issued = authority.issue_client("shop", Validity::days(Timestamp::now(), 1)).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
        let verifier = Arc::new(trusting(&[authority.certificate_pem()]));
        (Proof::new(&[certificate], Arc::clone(&verifier)).unwrap(), verifier)
    }

    #[test]
    fn a_peer_stays_while_its_ca_is_trusted_and_goes_with_it() {
        let (ours, other) = (authority(), authority());
        let (proof, verifier) = proof(&ours);
        let now = UnixTime::now();
        assert_eq!(proof.check(&verifier, now), Ok(()));
        let both = Arc::new(trusting(&[other.certificate_pem(), ours.certificate_pem()]));
        assert_eq!(proof.check(&both, now), Ok(()));
        // Of the same name, and not the one that signed.
        let without = Arc::new(trusting(&[other.certificate_pem()]));
        for _ in 0..2 {
            assert!(proof.check(&without, now).unwrap_err().contains("CA"));
        }
        assert_eq!(proof.check(&both, now), Ok(()));
    }

    #[test]
    fn a_certificate_expires_while_its_connection_is_open() {
        let (proof, verifier) = proof(&authority());
        let at = |second: i64| {
            UnixTime::since_unix_epoch(Duration::from_secs(
                (proof.leaf.not_after + second).try_into().unwrap(),
            ))
        };
        assert_eq!(proof.check(&verifier, at(0)), Ok(()));
        assert!(proof.check(&verifier, at(1)).unwrap_err().contains("expired"));
    }
}
