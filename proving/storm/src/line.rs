//! A connection to the server, with a certificate or without.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long anything may take that a server in good health does at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Knows where the server is, and who comes.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Caller {
    /// Somebody with the certificate of this name, or with none.
    pub(crate) fn new(address: SocketAddr, certs: &Path, name: Option<&str>) -> Result<Caller> {
        let certificate = |file: String| {
            CertificateDer::from_pem_file(certs.join(&file)).with_context(|| format!("no certificate {file}"))
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.crt".to_owned())?)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut tls = match name {
            None => config.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(certs.join(format!("{name}.key")))?;
                config.with_client_auth_cert(vec![certificate(format!("{name}.crt"))?], key)?
            }
        };
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Caller { address, tls: Arc::new(tls) })
    }

    /// A TCP connection.
    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        Ok(tokio::time::timeout(PATIENCE, TcpStream::connect(self.address)).await??)
    }

    /// A TLS connection.
    pub(crate) async fn shake(&self) -> Result<TlsStream<TcpStream>> {
        let stream = self.connect().await?;
        let shaking = TlsConnector::from(Arc::clone(&self.tls)).connect("localhost".try_into()?, stream);
        Ok(tokio::time::timeout(PATIENCE, shaking).await??)
    }
}
