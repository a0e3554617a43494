//! Accepts connections, shakes hands beside the accept loop, and hands finished ones on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;

use super::connection::Io;
use super::credentials::Credentials;
use super::proof::Proof;
use super::refusal;
use crate::config::Listen;

/// Handshakes going on at once; further connections wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 32;
/// How long a client may take for its handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Finished connections that wait for the server to take them.
const FINISHED_MAX: usize = 32;
/// First and longest pause after a failed accept, such as one without a free file descriptor.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// A stream of finished connections, for tonic's `serve_with_incoming_shutdown`.
///
/// Accepting goes on in a task of its own, and ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    finished: Receiver<Io>,
    address: SocketAddr,
    accepting: AbortHandle,
}

/// Binds the configured address; `:3051` means every interface, IPv6 and IPv4 where there are both.
pub(crate) async fn bind(address: &Listen) -> io::Result<TcpListener> {
    if !address.host.is_empty() {
        return TcpListener::bind((address.host.as_str(), address.port)).await;
    }
    match TcpListener::bind(("::", address.port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("0.0.0.0", address.port)).await,
    }
}

impl Listener {
    /// Accepts over mutual TLS. Each handshake uses the credentials that are in force at its start.
    pub(crate) fn tls(
        listener: TcpListener,
        credentials: Arc<ArcSwap<Credentials>>,
        connections_max: usize,
    ) -> io::Result<Self> {
        Self::start(listener, Some(credentials), connections_max)
    }

    /// Accepts without TLS.
    pub(crate) fn plain(listener: TcpListener, connections_max: usize) -> io::Result<Self> {
        Self::start(listener, None, connections_max)
    }

    /// The address that was bound, with the port that the system chose for port 0.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn start(
        listener: TcpListener,
        credentials: Option<Arc<ArcSwap<Credentials>>>,
        connections_max: usize,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, finished) = mpsc::channel(FINISHED_MAX);
        let door = Door {
            credentials,
            sender,
            places: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        };
        let accepting = tokio::spawn(door.accept_all(listener)).abort_handle();
        Ok(Self { finished, address, accepting })
    }
}

impl Stream for Listener {
    type Item = io::Result<Io>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.finished.poll_recv(context).map(|io| io.map(Ok))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What every accepted connection needs on its way in.
struct Door {
    credentials: Option<Arc<ArcSwap<Credentials>>>,
    sender: Sender<Io>,
    places: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
}

impl Door {
    async fn accept_all(self, listener: TcpListener) {
        let mut pause = PAUSE.0;
        loop {
            // Taken before accepting, so that waiting connections stay in the kernel's queue.
            let Ok(turn) = self.handshakes.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, addr)) => {
                    pause = PAUSE.0;
                    self.admit(stream, addr, turn);
                }
                Err(error) => {
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept a connection");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, addr: SocketAddr, turn: OwnedSemaphorePermit) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            tracing::warn!(peer = %addr, reason = "limits.connections_max reached", "connection refused");
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(peer = %addr, %error, "connection lost");
            return;
        }
        let credentials = self.credentials.as_ref().map(|credentials| credentials.load_full());
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let io = match credentials {
                None => Some(Io::plain(stream, addr, place)),
                Some(credentials) => handshake(stream, addr, &credentials, place).await,
            };
            drop(turn);
            if let Some(io) = io {
                // The server has stopped taking connections: closing this one is all there is to do.
                let _ = sender.send(io).await;
            }
        });
    }
}

async fn handshake(
    stream: TcpStream,
    addr: SocketAddr,
    credentials: &Credentials,
    place: OwnedSemaphorePermit,
) -> Option<Io> {
    let stream =
        match timeout(HANDSHAKE_MAX, TlsAcceptor::from(Arc::clone(&credentials.server)).accept(stream)).await
        {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                log_failure(addr, &error);
                return None;
            }
            Err(_) => {
                tracing::warn!(peer = %addr, reason = "handshake not finished in 5 s", "connection refused");
                return None;
            }
        };
    let chain = stream.get_ref().1.peer_certificates()?;
    let proof = Proof::new(chain, Arc::clone(&credentials.clients)).ok()?;
    Some(Io::tls(stream, addr, proof, place))
}

fn log_failure(addr: SocketAddr, error: &io::Error) {
    match refusal::reason(error) {
        Some(reason) => tracing::warn!(peer = %addr, %reason, "connection refused"),
        None => tracing::debug!(peer = %addr, %error, "connection lost during the handshake"),
    }
}
