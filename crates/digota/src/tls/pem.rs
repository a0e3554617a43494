//! Certificates and private keys read from PEM files.

use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::error::Error;

/// A file and the setting that names it, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The setting, such as `tls.key`.
    pub(crate) setting: &'static str,
    /// Where the file is.
    pub(crate) path: PathBuf,
}

impl fmt::Display for File {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.setting, self.path.display())
    }
}

/// Reads every certificate of a file, at least one, in file order.
pub(crate) fn read_certificates(file: &File) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = fs::read(&file.path).map_err(|error| Error::reading(file, error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(Error::NotPem(file.clone(), "certificate", "CERTIFICATE"))
        }
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(Error::Damaged(file.clone(), "its PEM text is cut or altered".to_owned())),
    }
}

/// Reads the private key of a file that only its owner may read.
pub(super) fn read_key(file: &File) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read_private(file)?;
    if let Ok(key) = PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        return Ok(key);
    }
    match text.contains("ENCRYPTED") {
        true => Err(Error::Encrypted(file.clone())),
        false => Err(Error::NotPem(file.clone(), "private key", "PRIVATE KEY")),
    }
}

/// Reads a secret file, refusing one that group or others may touch.
pub(crate) fn read_private(file: &File) -> Result<Zeroizing<String>, Error> {
    let mut opened = fs::File::open(&file.path).map_err(|error| Error::reading(file, error))?;
    let mode = opened.metadata().map_err(|error| Error::reading(file, error))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::LooseMode(file.clone(), mode));
    }
    let mut text = Zeroizing::new(String::new());
    opened.read_to_string(&mut text).map_err(|error| Error::reading(file, error))?;
    Ok(text)
}
