//! The bare server: what a unary call over mutual TLS costs when nothing is done with it.
//!
//! Its method answers as many bytes as the first four of the request say, so that a call of any sizes can be imitated.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::{BufMut, Bytes, BytesMut};
use clap::Args;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::tls::Files;
use digota_load::Raw;

/// Where the bare server listens.
#[derive(Args)]
pub(crate) struct Options {
    /// Port 0 takes a free one; the address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
    #[command(flatten)]
    tls: Files,
}

/// The path of the only method.
pub(crate) const PATH: &str = "/bare.Bare/Call";

/// The largest answer, in bytes.
pub(crate) const REPLY_BYTES_MAX: usize = 1 << 20;

/// A request of `request_bytes` (at least four) that asks for `reply_bytes`.
pub(crate) fn request(request_bytes: usize, reply_bytes: u32) -> Bytes {
    let mut message = BytesMut::with_capacity(request_bytes.max(4));
    message.put_u32(reply_bytes);
    message.resize(request_bytes.max(4), b'x');
    message.freeze()
}

/// Serves until the process is ended; prints its address once it listens.
pub(crate) async fn serve(options: &Options) -> Result<()> {
    // Without it small answers wait tens of milliseconds for an acknowledgement.
    let incoming = TcpIncoming::bind(options.address)?.with_nodelay(Some(true));
    println!("listening on {}", incoming.local_addr()?);
    let bare = Bare { reply: Bytes::from(vec![b'x'; REPLY_BYTES_MAX]) };
    let mut server = Server::builder().tls_config(options.tls.server()?)?;
    Ok(server.add_service(bare).serve_with_incoming(incoming).await?)
}

#[derive(Clone)]
struct Bare {
    /// Every answer is a slice of this.
    reply: Bytes,
}

impl NamedService for Bare {
    const NAME: &'static str = "bare.Bare";
}

impl Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let call = self.clone();
        Box::pin(async move { Ok(Grpc::new(Raw).unary(call, request).await) })
    }
}

impl UnaryService<Bytes> for Bare {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        std::future::ready(self.answer(request.get_ref()).map(Response::new))
    }
}

impl Bare {
    fn answer(&self, request: &Bytes) -> Result<Bytes, Status> {
        let size = request.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize);
        let size = size.filter(|size| *size <= REPLY_BYTES_MAX);
        let size =
            size.ok_or_else(|| Status::invalid_argument("the first four bytes are not a size up to 1 MiB"))?;
        Ok(self.reply.slice(..size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare() -> Bare {
        Bare { reply: Bytes::from(vec![b'x'; REPLY_BYTES_MAX]) }
    }

    #[test]
    fn the_answer_is_as_long_as_asked() {
        let request = request(40, 400);
        assert_eq!(request.len(), 40);
        assert_eq!(bare().answer(&request).unwrap().len(), 400);
    }

    #[test]
    fn a_request_without_a_sensible_size_is_refused() {
        assert!(bare().answer(&Bytes::from_static(b"abc")).is_err());
        assert!(bare().answer(&request(4, u32::MAX)).is_err());
    }
}
