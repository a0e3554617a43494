//! Certificates from files, for both ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// Where the PEM files are.
#[derive(Args)]
pub(crate) struct Files {
    /// The certificate of the CA that both ends trust.
    #[arg(long)]
    ca: PathBuf,
    /// Our certificate.
    #[arg(long)]
    cert: PathBuf,
    /// Its private key.
    #[arg(long)]
    key: PathBuf,
}

impl Files {
    /// For a server that lets in whoever has a certificate of the CA.
    pub(crate) fn server(&self) -> Result<ServerTlsConfig> {
        Ok(ServerTlsConfig::new().identity(self.identity()?).client_ca_root(self.authority()?))
    }

    /// For a client of a server of this name.
    pub(crate) fn client(&self, server_name: &str) -> Result<ClientTlsConfig> {
        let config = ClientTlsConfig::new().identity(self.identity()?).ca_certificate(self.authority()?);
        Ok(config.domain_name(server_name))
    }

    fn identity(&self) -> Result<Identity> {
        Ok(Identity::from_pem(read(&self.cert)?, read(&self.key)?))
    }

    fn authority(&self) -> Result<Certificate> {
        Ok(Certificate::from_pem(read(&self.ca)?))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}
