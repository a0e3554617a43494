//! Connections: how they come in, how long they may do nothing, and how they end.
//!
//! `accept` takes them, `registry` gives each a place on one of the `threads`, `connection` shakes hands and serves it with its
//! calls `together`, `warden` ends those that stand about. What calls may keep busy is the edge's business.

mod accept;
mod connection;
mod files;
mod gathered;
mod metered;
mod registry;
mod threads;
mod together;
mod warden;

use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use digota_grpc::Services;
use digota_grpc::gate::{Doors, GateLayer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub(crate) use accept::bind;

pub(crate) use self::registry::Lines;
pub(crate) use self::threads::Threads;

use self::registry::Admitted;
use self::warden::Patience;
use crate::config;
use crate::logging::Unwanted;
use crate::tls::{Credentials, Handshakes};

/// What is served, and to whom.
pub(crate) struct Front {
    /// The gate before it.
    pub(crate) gate: GateLayer,
    /// The services.
    pub(crate) services: Services,
    /// Who may enter.
    pub(crate) doors: Arc<dyn Doors>,
    /// Each handshake uses what this holds at its start; `None` is without TLS.
    pub(crate) tls: Option<Arc<ArcSwap<Credentials>>>,
}

/// What all connections share.
struct Shared {
    gate: GateLayer,
    services: Services,
    doors: Arc<dyn Doors>,
    tls: Option<Arc<ArcSwap<Credentials>>>,
    limits: config::Limits,
    handshakes: Handshakes,
    patience: Patience,
    lines: Arc<Lines>,
    unwanted: Arc<Unwanted>,
}

/// A socket that takes connections, and the connections.
pub(crate) struct Listening {
    /// The address that was bound, with the port that the system chose for port 0.
    pub(crate) address: SocketAddr,
    lines: Arc<Lines>,
    threads: Threads,
    accepting: AbortHandle,
    walking: AbortHandle,
}

impl Listening {
    /// Takes connections from now on.
    pub(crate) fn start(socket: TcpListener, front: Front, limits: config::Limits) -> io::Result<Listening> {
        let address = socket.local_addr()?;
        let threads = Threads::start()?;
        let lines = Lines::new(files::connections(limits.connections_max), threads.clone());
        let Front { gate, services, doors, tls } = front;
        let unwanted = Arc::new(Unwanted::default());
        let time = Duration::from_millis(limits.handshake_timeout_ms);
        let shared = Arc::new(Shared {
            gate,
            services,
            doors,
            tls,
            handshakes: Handshakes::new(limits.handshakes_max, time, Arc::clone(&unwanted)),
            patience: Patience::new(&limits),
            lines: Arc::clone(&lines),
            unwanted,
            limits,
        });
        let walking = tokio::spawn(warden::walk(Arc::clone(&shared))).abort_handle();
        let take = move |stream, peer| take(&shared, stream, peer);
        let accepting = tokio::spawn(accept::accept_all(socket, take)).abort_handle();
        Ok(Listening { address, lines, threads, accepting, walking })
    }

    /// All open connections.
    pub(crate) fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.lines)
    }

    /// The threads that serve them.
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Takes no more connections, frees the port, and asks those that are there to end in good order.
    pub(crate) fn leave(&self) {
        self.accepting.abort();
        self.lines.leave();
    }

    /// Returns once no connection is left, after [`Listening::leave`].
    pub(crate) async fn ended(&self) {
        self.lines.ended().await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
        self.walking.abort();
        self.lines.cut();
    }
}

/// Gives an accepted connection its place.
fn take(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // It is woken on the thread that serves it, not on this one.
    let stream: net::TcpStream = match stream.into_std() {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%peer, %error, "connection lost"),
    };
    match shared.lines.admit(peer, |place| Arc::clone(shared).serve(stream, peer, place)) {
        Admitted::Yes => {}
        Admitted::InPlaceOf(oldest) => {
            let reason = "limits.connections_max reached before its handshake was finished";
            shared.unwanted.closed(oldest, reason);
        }
        Admitted::No => shared.unwanted.refused(peer, "limits.connections_max reached"),
    }
}
