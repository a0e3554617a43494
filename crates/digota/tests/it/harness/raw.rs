//! A client below gRPC: TLS by hand and HTTP/2 frame by frame, for requests that no library sends.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;

use super::{Pki, Server};

/// What HTTP/2 begins with, and empty settings.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection that speaks HTTP/2.
pub(crate) struct Raw {
    /// Opens calls.
    pub(crate) send: SendRequest<Bytes>,
    /// How the connection ended.
    pub(crate) ended: JoinHandle<Result<(), h2::Error>>,
}

/// What came back for a call.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The code of HTTP.
    pub(crate) http: StatusCode,
    /// What gRPC says, from headers or trailers.
    pub(crate) status: Option<Status>,
    /// The messages, with their prefixes.
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// A TLS connection with the certificate of this client, silent after the handshake.
    pub(crate) async fn shaken(&self, client: &str) -> TlsStream<TcpStream> {
        self.shake(client).await.unwrap()
    }

    /// The same, or why there is none.
    pub(crate) async fn shake(&self, client: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let pki = Pki::shared();
        let certificate = |file: &str| CertificateDer::from_pem_slice(pki.read(file).as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(pki.read(&format!("{client}.key")).as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate("ca.crt")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots);
        let mut config =
            config.with_client_auth_cert(vec![certificate(&format!("{client}.crt"))], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// An HTTP/2 connection of this client.
    pub(crate) async fn raw(&self, client: &str) -> Raw {
        self.raw_with(client, h2::client::Builder::new()).await
    }

    /// An HTTP/2 connection of this client, with something special about it.
    pub(crate) async fn raw_with(&self, client: &str, builder: h2::client::Builder) -> Raw {
        let (send, connection) = builder.handshake(self.shaken(client).await).await.unwrap();
        Raw { send, ended: tokio::spawn(connection) }
    }
}

impl Raw {
    /// Sends the body's pieces as they are, and reads what comes back.
    pub(crate) async fn call(&mut self, request: Request<()>, body: &[Bytes]) -> Result<Answer, h2::Error> {
        let (response, mut sending) = self.open(request).await?;
        for piece in body {
            sending.send_data(piece.clone(), false)?;
        }
        // A server that has made up its mind already is not interested.
        let _ = sending.send_data(Bytes::new(), true);
        read(response).await
    }

    /// Sends headers, and leaves the rest to the caller.
    pub(crate) async fn open(
        &mut self,
        request: Request<()>,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        self.send = self.send.clone().ready().await?;
        self.send.send_request(request, false)
    }
}

/// Reads a response to its end.
pub(crate) async fn read(response: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    let status = status(&parts.headers).or_else(|| status(&trailers));
    Ok(Answer { http: parts.status, status, body })
}

fn status(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

/// The headers of a call, as a good client sends them.
pub(crate) fn request(path: &str) -> http::request::Builder {
    Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// A message with its prefix.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    prefixed(0, &message.encode_to_vec())
}

/// Bytes with a prefix.
pub(crate) fn prefixed(flag: u8, bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flag], length.as_slice(), bytes].concat().into()
}
