//! Certificates that `digota ca` would not make.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, SerialNumber,
};
use tonic::transport::Identity;

use crate::harness::Pki;

/// A CA of ours or of a stranger.
pub(super) struct Ca {
    /// Its certificate.
    pub(super) certificate: String,
    key: String,
}

impl Ca {
    pub(super) fn ours() -> Ca {
        Ca { certificate: Pki::shared().read("ca.crt"), key: Pki::shared().read("ca.key") }
    }

    /// A CA of its own with this name.
    pub(super) fn named(name: &str) -> Ca {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ca { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A certificate and its key, as texts.
    pub(super) fn pair(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::from_pem(&self.key).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, key).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    }

    pub(super) fn sign(&self, params: &CertificateParams) -> Identity {
        let (certificate, key) = self.pair(params);
        Identity::from_pem(certificate, key)
    }
}

pub(super) fn for_clients() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The bytes of a serial that openssl would print like this.
pub(super) fn octets(serial: &str) -> SerialNumber {
    let digits: Vec<u8> = serial.bytes().map(|b| (b as char).to_digit(16).unwrap() as u8).collect();
    SerialNumber::from_slice(&digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<_>>())
}
