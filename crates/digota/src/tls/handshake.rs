//! Shakes hands with whoever has connected, and finds out whether it is a client of ours.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::Io;
use super::credentials::Credentials;
use super::proof::Proof;
use super::refusal;
use crate::logging::Unwanted;

/// How long a handshake keeps its turn. What takes a handshake longer is the other side, and others need not wait for that.
const TURN: Duration = Duration::from_millis(20);

/// Handshakes, some at once and each within its time.
#[derive(Debug)]
pub(crate) struct Handshakes {
    turns: Semaphore,
    time: Duration,
    unwanted: Arc<Unwanted>,
}

impl Handshakes {
    /// So many at once, each for this long at most.
    pub(crate) fn new(at_once: usize, time: Duration, unwanted: Arc<Unwanted>) -> Self {
        Self { turns: Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)), time, unwanted }
    }

    /// Shakes hands with these credentials. `None` where it came to nothing; the operator is told why.
    pub(crate) async fn shake(
        &self,
        stream: TcpStream,
        addr: SocketAddr,
        credentials: &Credentials,
    ) -> Option<Io> {
        match self.try_shake(stream, addr, credentials).await {
            Ok(io) => return Some(io),
            Err(Some(reason)) => self.unwanted.refused(addr, &reason),
            Err(None) => tracing::debug!(peer = %addr, "connection lost during the handshake"),
        }
        None
    }

    /// Why there is no connection; `None` where the other side merely hung up.
    async fn try_shake(
        &self,
        stream: TcpStream,
        addr: SocketAddr,
        credentials: &Credentials,
    ) -> Result<Io, Option<String>> {
        let shaken = timeout(self.time, self.in_turn(stream, Arc::clone(&credentials.server))).await;
        let late = |_| format!("handshake not finished in {} s", self.time.as_secs_f32());
        let stream = shaken.map_err(late)?.map_err(|error| refusal::reason(&error))?;
        let chain = stream.get_ref().1.peer_certificates().ok_or(None)?;
        let proof =
            Proof::new(chain, Arc::clone(&credentials.clients)).map_err(|refusal| refusal.to_string())?;
        Ok(Io::tls(stream, addr, proof))
    }

    /// A turn is given to those who have said something, and taken back from those who dawdle: neither silence nor a slow line
    /// keeps others out.
    async fn in_turn(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
    ) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
        stream.readable().await?;
        let turn = self.turns.acquire().await;
        let mut shaking = pin!(TlsAcceptor::from(config).accept(stream));
        match timeout(TURN, &mut shaking).await {
            Ok(done) => done,
            Err(_) => {
                drop(turn);
                shaking.await
            }
        }
    }
}
