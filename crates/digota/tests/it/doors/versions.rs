//! Versions of TLS and their cipher suites.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use tonic::transport::Endpoint;

use super::certificates::list;
use super::changes::told;
use crate::harness::{Client, Pki, Server, Setup, assert_refused, eventually};

type Versions<'a> = &'a [&'static SupportedProtocolVersion];

/// What `shop` brings to a handshake in these versions.
pub(super) fn shop(versions: Versions<'_>) -> Arc<ClientConfig> {
    let pki = Pki::shared();
    bringing(&pki.read("shop.crt"), &pki.read("shop.key"), versions)
}

/// What a client with this certificate and key brings, whatever its own library thinks of the certificate.
pub(super) fn bringing(certificate: &str, key: &str, versions: Versions<'_>) -> Arc<ClientConfig> {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(der(&Pki::shared().read("ca.crt"))).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let pair = SingleCertAndKey::from(CertifiedKey::new(vec![der(certificate)], key));
    let mut config = builder.with_root_certificates(roots).with_client_cert_resolver(Arc::new(pair));
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

/// Shakes hands with a server.
pub(super) async fn shake(
    server: &Server,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await?;
    TlsConnector::from(Arc::clone(config)).connect("localhost".try_into().unwrap(), stream).await
}

/// A client over a finished handshake.
pub(super) async fn over(stream: TlsStream<TcpStream>) -> Result<Client, tonic::transport::Error> {
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let stream = stream.take().ok_or_else(|| std::io::Error::other("the connection was lost"));
        async move { stream }
    });
    Ok(Client::new(Endpoint::from_static("http://localhost").connect_with_connector(connector).await?))
}

#[tokio::test]
async fn clients_that_speak_tls_1_2_or_1_3_work() {
    let server = Server::start().await;
    for version in [&version::TLS12, &version::TLS13] {
        let shop = over(shake(&server, &shop(&[version])).await.unwrap()).await.unwrap();
        shop.paid(&shop.sku(1).await, 1).await;
    }
}

#[tokio::test]
async fn a_client_that_speaks_both_versions_gets_1_3() {
    let server = Server::start().await;
    let stream = shake(&server, &shop(&[&version::TLS12, &version::TLS13])).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn min_version_1_3_turns_1_2_away_and_says_why() {
    let server = Server::with(Setup { settings: "tls.min_version = \"1.3\"", ..Setup::default() }).await;
    assert!(shake(&server, &shop(&[&version::TLS12])).await.is_err());
    told(&server, "no TLS version or cipher suite in common").await;
    list(&over(shake(&server, &shop(&[&version::TLS13])).await.unwrap()).await.unwrap()).await.unwrap();
}

/// The suites of 1.2 that may be used: key exchange on elliptic curves, authenticated encryption. By their numbers.
const GOOD: [u16; 6] = [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9];

/// Others that clients of old offer: RSA key exchange, finite fields, CBC, RC4, no encryption at all.
const BAD: [u16; 12] =
    [0x002f, 0x0035, 0x009c, 0x009d, 0x0033, 0x009e, 0xc009, 0xc013, 0xc014, 0xc027, 0x0005, 0x0001];

/// The first bytes of a client that offers one version and these suites.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let sized = |width: usize, bytes: Vec<u8>| [&bytes.len().to_be_bytes()[8 - width..], &bytes].concat();
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let extension = |number: u16, bytes: Vec<u8>| [words(&[number]), sized(2, bytes)].concat();
    let extensions = [
        extension(10, sized(2, words(&[0x001d, 0x0017]))),
        extension(11, vec![1, 0]),
        extension(13, sized(2, words(&[0x0403, 0x0804, 0x0401, 0x0203, 0x0201]))),
        extension(16, sized(2, sized(1, b"h2".to_vec()))),
        extension(23, vec![]),
    ];
    let hello = [
        words(&[version]),
        vec![7; 32],
        sized(1, vec![]),
        sized(2, words(suites)),
        sized(1, vec![0]),
        sized(2, extensions.concat()),
    ];
    let message = [vec![1], sized(3, hello.concat())].concat();
    [vec![22, 3, 1], sized(2, message)].concat()
}

/// What a server answers: the type of its first record, and that record.
async fn answer(server: &Server, hello: &[u8]) -> (u8, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(hello).await.unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).await.unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut record).await.unwrap();
    (head[0], record)
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Fatal, no cipher suite in common.
const NO_SUITE: [u8; 2] = [2, 40];
/// Fatal, no version in common.
const NO_VERSION: [u8; 2] = [2, 70];

#[tokio::test]
async fn tls_1_2_is_spoken_with_forward_secrecy_and_authenticated_encryption_alone() {
    let server = Server::start().await;
    // Which of the good ones depends on the server's key, which is on a curve.
    let (kind, hello_back) = answer(&server, &hello(0x0303, &[&BAD[..], &GOOD[..]].concat())).await;
    assert_eq!(kind, HANDSHAKE);
    let chosen = u16::from_be_bytes(hello_back[39 + usize::from(hello_back[38])..][..2].try_into().unwrap());
    assert!(GOOD.contains(&chosen), "{chosen:#06x}");
    for suite in BAD {
        let answer = answer(&server, &hello(0x0303, &[suite])).await;
        assert_eq!(answer, (ALERT, NO_SUITE.to_vec()), "{suite:#06x}");
    }
    told(&server, "no TLS version or cipher suite in common").await;
}

#[tokio::test]
async fn versions_before_1_2_are_turned_away() {
    let server = Server::start().await;
    for version in [0x0300, 0x0301, 0x0302] {
        let answer = answer(&server, &hello(version, &[&GOOD[..], &BAD[..]].concat())).await;
        assert_eq!(answer, (ALERT, NO_VERSION.to_vec()), "{version:#06x}");
    }
}

/// A resumed session would carry an identity over from an earlier handshake.
#[tokio::test]
async fn sessions_are_not_resumed_and_who_was_revoked_is_not_known_on_a_second_connection() {
    let server = Server::with(Setup { settings: "tls.reload_ms = 100", ..Setup::default() }).await;
    for version in [&version::TLS12, &version::TLS13] {
        let config = shop(&[version]);
        // The same configuration keeps what servers give it to resume by; calling reads all of that.
        for _ in 0..3 {
            let stream = shake(&server, &config).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
            list(&over(stream).await.unwrap()).await.unwrap();
        }
    }
    let config = shop(&[&version::TLS13]);
    let open = over(shake(&server, &config).await.unwrap()).await.unwrap();
    server.revoke("shop");
    eventually("the whitelist is read", async || list(&open).await.is_err().then_some(())).await;
    let again = over(shake(&server, &config).await.unwrap()).await.unwrap();
    assert_refused(list(&again).await, Code::Unauthenticated, "NOT_LISTED");
}
