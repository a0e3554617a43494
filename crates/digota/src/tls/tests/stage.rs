//! What the door's tests play with: a server with its own CA, and clients of any kind.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_rustls::TlsConnector;

use crate::ca::{Authority, Folder, Issued, Validity};
use crate::tls::{Credentials, Handshakes, Io, MinVersion, Peer};

/// A CA, a server of it, and the handshakes under test.
pub(super) struct Stage {
    pub(super) folder: Folder,
    pub(super) credentials: Arc<ArcSwap<Credentials>>,
    pub(super) address: SocketAddr,
    shaken: Receiver<Io>,
    _temporary: TempDir,
}

/// How a client comes to the door.
pub(super) struct Client {
    pub(super) certificate: Option<Issued>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) alpn: &'static [u8],
}

pub(super) fn valid() -> Validity {
    Validity::days(Timestamp::now(), 1)
}

/// A day that begins `from_h` hours from now.
pub(super) fn a_day_from(from_h: i64) -> Validity {
    let not_before = Timestamp::now() + SignedDuration::from_hours(from_h);
    Validity { not_before, not_after: not_before + SignedDuration::from_hours(24) }
}

pub(super) fn folder() -> (TempDir, Folder) {
    let temporary = TempDir::new().unwrap();
    let folder = Folder::new(temporary.path().join("certs"));
    folder.init("test CA", &["localhost".to_owned()], valid()).unwrap();
    (temporary, folder)
}

/// A certificate that our CA signed but `digota ca` would not make.
pub(super) fn signed_by_hand(folder: &Folder, params: CertificateParams) -> Issued {
    let read = |path| std::fs::read_to_string(path).unwrap();
    let ca_key = KeyPair::from_pem(&read(folder.key("ca"))).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read(folder.certificate("ca")), ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    Issued {
        certificate_pem: params.signed_by(&key, &issuer).unwrap().pem(),
        key_pem: key.serialize_pem().into(),
        serial: "1".parse().unwrap(),
        not_after: Timestamp::MAX,
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(MinVersion::Tls12).await
    }

    pub(super) async fn with(min_version: MinVersion) -> Self {
        let (temporary, folder) = folder();
        let credentials = Credentials::load(&folder.server_files(), min_version).unwrap();
        let credentials = Arc::new(ArcSwap::from_pointee(credentials));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, shaken) = mpsc::channel(100);
        tokio::spawn(shake_all(listener, credentials.clone(), sender));
        Self { folder, credentials, address, shaken, _temporary: temporary }
    }

    pub(super) fn authority(&self) -> Authority {
        self.folder.open().unwrap()
    }

    pub(super) fn client(&self) -> Client {
        self.client_with(Some(self.authority().issue_client("shop", valid()).unwrap()))
    }

    pub(super) fn client_with(&self, certificate: Option<Issued>) -> Client {
        Client { certificate, versions: vec![&rustls::version::TLS13, &rustls::version::TLS12], alpn: b"h2" }
    }

    /// Lets the client in and passes a word from server to client; the server's view of it.
    pub(super) async fn welcome(&mut self, client: Client) -> Peer {
        let roots = self.trust();
        let address = self.address;
        let reading = tokio::spawn(async move { read(address, roots, client).await });
        let mut io = self.shaken.recv().await.expect("the stage goes on");
        io.write_all(b"welcome").await.unwrap();
        io.shutdown().await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), "welcome");
        io.peer().clone()
    }

    /// The alert that the client is turned away with.
    pub(super) async fn alert(&self, client: Client) -> AlertDescription {
        let error = read(self.address, self.trust(), client).await.expect_err("the client came in");
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert but {error:?}"),
        }
    }

    fn trust(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(self.authority().certificate_pem())).unwrap();
        roots
    }
}

/// Shakes hands with all who come, beside each other.
async fn shake_all(listener: TcpListener, credentials: Arc<ArcSwap<Credentials>>, shaken: Sender<Io>) {
    let handshakes = Arc::new(Handshakes::new(2, Duration::from_secs(5), Arc::default()));
    while let Ok((stream, addr)) = listener.accept().await {
        let (handshakes, credentials, shaken) = (handshakes.clone(), credentials.load_full(), shaken.clone());
        tokio::spawn(async move {
            if let Some(io) = handshakes.shake(stream, addr, &credentials).await {
                shaken.send(io).await.unwrap();
            }
        });
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Connects and reads to the end. In TLS 1.3 a client learns only by reading that it was turned away.
async fn read(address: SocketAddr, roots: RootCertStore, client: Client) -> io::Result<String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&client.versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client.certificate {
        None => config.with_no_client_auth(),
        Some(issued) => {
            let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate(&issued.certificate_pem)], key).unwrap()
        }
    };
    config.alpn_protocols = vec![client.alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
