//! What can be wrong with the files of the door, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::pem::File;

/// A file that can't be used; every message names the setting, the path and the way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such file.
    #[error("{0} does not exist: correct the path, or make certificates with `digota ca init`")]
    Missing(File),
    /// The file is there and can't be read.
    #[error("{0} cannot be read")]
    Unreadable(File, #[source] io::Error),
    /// Someone besides the owner may read a private key.
    #[error("{0} is open to others (mode {1:04o}): run `chmod 600 {path}`", path = .0.path.display())]
    LooseMode(File, u32),
    /// No section of the wanted kind.
    #[error("{0} holds no {1} in PEM form: it should have a line -----BEGIN …{2}-----")]
    NotPem(File, &'static str, &'static str),
    /// A key that asks for a pass phrase.
    #[error("{0} is encrypted: decrypt it with `openssl pkey -in {path} -out FILE`", path = .0.path.display())]
    Encrypted(File),
    /// PEM around something that isn't the wanted thing.
    #[error("{0} is damaged: {1}")]
    Damaged(File, String),
    /// Key and certificate are of different pairs.
    #[error("{key} does not belong to {certificate}: use the pair that was made together")]
    KeyMismatch {
        /// The private key.
        key: File,
        /// The certificate.
        certificate: File,
    },
    /// The certificate says that it is for something else.
    #[error("{0} is not meant for servers: its extended key usage lacks serverAuth")]
    NotForServers(File),
    /// The certificates of the file don't lead from one to the next.
    #[error(
        "{0} must hold the server's own certificate first and then the one that signed it, and so on: {1}"
    )]
    BrokenChain(File, String),
    /// The certificate's time is over.
    #[error("{0} expired on {1}: make a new one")]
    Expired(File, String),
    /// The certificate's time has not come.
    #[error("{0} is not valid before {1}: check the clock of this machine")]
    NotYetValid(File, String),
    /// The file of the CA holds a certificate that can't sign others.
    #[error("{0} is not a CA's certificate: name the one that signed the clients' certificates")]
    NotAnAuthority(File),
    /// rustls refuses for a reason of its own.
    #[error("the TLS settings cannot be used")]
    Rustls(#[source] rustls::Error),
}

impl Error {
    /// Translates the error of opening or reading `path`.
    pub(super) fn reading(file: &File, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(file.clone()),
            _ => Self::Unreadable(file.clone(), error),
        }
    }
}

impl File {
    /// Names a file by the setting that led to it.
    pub(crate) fn new(setting: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { setting, path: path.into() }
    }
}
