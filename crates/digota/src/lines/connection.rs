//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{self, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use digota_grpc::gate::Gate;
use digota_grpc::{Line, Reply, Services, Share};
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::Shared;
use super::gathered::Gathered;
use super::metered::Metered;
use super::registry::Place;
use super::together::{Entrance, Together};
use crate::config;
use crate::tls::{Io, Peer};

/// The largest frame that is read: the least that HTTP/2 allows.
const FRAME_BYTES_MAX: u32 = 16 * 1024;

/// What is kept of one reply that the client does not take.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// How HTTP/2 is spoken on a connection, and where its calls run.
fn http2(limits: &config::Limits, calls: Entrance) -> http2::Builder<Entrance> {
    let mut builder = http2::Builder::new(calls);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.calls_per_connection_max)
        .max_header_list_size(limits.header_bytes_max)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_send_buf_size(UNSENT_BYTES_MAX)
        .keep_alive_interval(Duration::from_millis(limits.ping_interval_ms))
        .keep_alive_timeout(Duration::from_millis(limits.ping_timeout_ms))
        .max_pending_accept_reset_streams(limits.resets_waiting_max)
        .max_local_error_reset_streams(limits.stream_errors_max);
    builder
}

impl Shared {
    /// Serves a connection that was just accepted, until it ends.
    pub(super) async fn serve(self: Arc<Self>, stream: net::TcpStream, addr: SocketAddr, place: Place) {
        let Some(io) = self.arrive(stream, addr).await else { return };
        let peer = io.peer().clone();
        let share = self.share(&peer);
        let Some(_connected) = share.connect() else {
            return self.unwanted.refused(addr, "limits.connections_per_client_max reached");
        };
        let (line, begun) = (Arc::new(Line::new(share)), Arc::new(AtomicBool::new(false)));
        place.arrived(Arc::clone(&line), Arc::clone(&begun));
        let gate = self.gate.layer(self.services.clone(), Arc::clone(&line));
        let calls = Calls { gate, peer, line: Arc::clone(&line) };
        let (out, together) = (Gathered::new(Metered::new(io, begun)), Together::default());
        let io = TokioIo::new(out.clone());
        let connection = http2(&self.limits, together.entrance()).serve_connection(io, calls);
        if let Err(error) = until_left(connection, together, out, &line).await {
            tracing::debug!(peer = %addr, %error, "connection lost");
        }
    }

    /// Makes an accepted connection ready for HTTP/2.
    async fn arrive(&self, stream: net::TcpStream, addr: SocketAddr) -> Option<Io> {
        let stream = match prepare(stream, Duration::from_millis(self.limits.tcp_keepalive_ms)) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(peer = %addr, %error, "connection lost");
                return None;
            }
        };
        let Some(credentials) = &self.tls else { return Some(Io::plain(stream, addr)) };
        self.handshakes.shake(stream, addr, &credentials.load_full()).await
    }

    /// The share that the connection's calls count against. Certificates that are not listed have one together.
    fn share(&self, peer: &Peer) -> Arc<Share> {
        if peer.proof.is_none() {
            return self.gate.crowd().anybodys_share();
        }
        let mut connection = Extensions::new();
        connection.insert(peer.clone());
        let name = self.doors.admit(&connection).map(|client| client.name.clone()).unwrap_or_default();
        self.gate.crowd().share_of(&name)
    }
}

/// Nothing waits to be sent together, and a peer that vanished is noticed.
fn prepare(stream: net::TcpStream, keepalive: Duration) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let seconds = |span: Duration| span.max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(seconds(keepalive)).with_interval(seconds(keepalive / 6));
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    TcpStream::from_std(stream)
}

/// Serves until the other side goes, or until the line is asked to leave and its last call has ended.
async fn until_left(
    connection: http2::Connection<TokioIo<Gathered<Metered<Io>>>, Calls, Entrance>,
    mut together: Together,
    out: Gathered<Metered<Io>>,
    line: &Line,
) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    let (mut told, mut held) = (false, false);
    poll_fn(|context| {
        if !told && line.poll_leaving(context).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        let ended = connection.as_mut().poll(context);
        // What a call that has just ended has to say is written in the next turn: what waits already is sent with it, once.
        held = together.poll(context) && !held;
        if held {
            context.waker().wake_by_ref()
        } else {
            out.poll_send(context)
        }
        ended
    })
    .await
}

/// The calls of one connection, on their way to the gate.
struct Calls {
    gate: Gate<Services>,
    peer: Peer,
    line: Arc<Line>,
}

impl Service<Request<Incoming>> for Calls {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = <Gate<Services> as tower::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.line.begin_call();
        request.extensions_mut().insert(self.peer.clone());
        self.gate.serve(request)
    }
}
