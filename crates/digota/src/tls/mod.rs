//! The door: who may enter, over which connection, and how it is known who they are.
//!
//! `credentials` turns files into a rustls configuration, with `client_verifier` deciding on certificates;
//! `handshake` makes of an accepted connection a `connection` that knows its peer;
//! `proof` says, per call, whether a peer would still come in, and `whitelist` which client its `leaf` belongs to.

mod client_verifier;
mod connection;
mod credentials;
mod error;
mod fingerprint;
mod handshake;
mod issuer;
mod leaf;
mod pem;
mod proof;
mod refusal;
mod serial;
mod whitelist;

#[cfg(test)]
mod tests;

pub(crate) use client_verifier::{ClientVerifier, judge as judge_client};
pub(crate) use connection::{Io, Peer};
pub(crate) use credentials::{Credentials, Files, MinVersion};
pub(crate) use error::Error;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use handshake::Handshakes;
pub(crate) use issuer::Issuer;
pub(crate) use leaf::Leaf;
pub(crate) use pem::File;
pub(crate) use pem::{read_certificates, read_private};
pub(crate) use proof::Proof;
pub(crate) use serial::Serial;
pub(crate) use whitelist::Whitelist;

/// Makes aws-lc the process-wide provider of cryptography; later calls do nothing.
///
/// Called first thing in `main`: a process that holds two providers panics at its first handshake otherwise.
pub(crate) fn install_provider() {
    // An error means that a provider is installed already, which is what was asked for.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
