//! Why a handshake failed, in words an operator can act on.

use std::io;

use rustls::CertificateError as Certificate;
use rustls::Error as Tls;

use super::leaf;

/// The reason of a failed handshake; `None` when the other side merely hung up.
pub(super) fn reason(error: &io::Error) -> Option<String> {
    let tls = error.get_ref()?.downcast_ref::<Tls>()?;
    Some(match tls {
        Tls::NoCertificatesPresented => "no client certificate".to_owned(),
        Tls::InvalidCertificate(certificate) => of_certificate(certificate),
        Tls::AlertReceived(alert) => format!("the client turned our certificate down: {alert:?}"),
        Tls::InvalidMessage(_) => "not TLS, or a damaged handshake".to_owned(),
        Tls::PeerIncompatible(detail) => format!("no TLS version or cipher suite in common: {detail:?}"),
        Tls::NoApplicationProtocol => "the client does not speak h2".to_owned(),
        other => other.to_string(),
    })
}

/// The reason why a client certificate was refused.
pub(super) fn of_certificate(error: &Certificate) -> String {
    match error {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "client certificate expired".to_owned(),
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "client certificate not valid yet".to_owned()
        }
        Certificate::UnknownIssuer => "client certificate of an unknown CA".to_owned(),
        Certificate::BadSignature => "client certificate not signed by the CA it names".to_owned(),
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            leaf::Refusal::Usage.to_string()
        }
        Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "client certificate signed with an algorithm that is not trusted, such as SHA-1".to_owned()
        }
        Certificate::Other(other) => match other.0.to_string().as_str() {
            // The verifier's name for versions 1 and 2.
            "UnsupportedCertVersion" => {
                "client certificate not of X.509 version 3: issue it with extensions".to_owned()
            }
            "CaUsedAsEndEntity" => "client certificate is a CA's own: issue one for the client".to_owned(),
            text => text.to_owned(),
        },
        other => format!("client certificate refused: {other}"),
    }
}
