//! A finished connection, and who is at the other end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::proof::Proof;

/// Who is at the other end; in the extensions of every request of the connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where the connection came from.
    pub(crate) addr: SocketAddr,
    /// What the peer proved in its handshake; `None` on an insecure listener.
    pub(crate) proof: Option<Arc<Proof>>,
}

/// A connection ready for HTTP/2.
#[derive(Debug)]
pub(crate) struct Io {
    stream: Stream,
    peer: Peer,
}

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl Io {
    /// Without TLS.
    pub(crate) fn plain(stream: TcpStream, addr: SocketAddr) -> Self {
        Self { stream: Either::Left(stream), peer: Peer { addr, proof: None } }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, addr: SocketAddr, proof: Proof) -> Self {
        let peer = Peer { addr, proof: Some(Arc::new(proof)) };
        Self { stream: Either::Right(Box::new(stream)), peer }
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
