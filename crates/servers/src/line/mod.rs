//! A line to PostgreSQL that a test can break: slow, silent one way, cut in the middle of a message, or at a certain statement.
//!
//! - [`speech`]: what passes by, message by message. Only the bare protocol is understood: who asks for TLS is told that there
//!   is none.
//! - [`carry`]: one connection.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

mod carry;
mod speech;

/// What goes wrong. A statement is named by how it begins, such as `COMMIT`; it counts when it is run, not when it is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line breaks before the statement: it and what follows never arrive.
    Lost(&'static str),
    /// The statement arrives and is done; the line breaks before its answer.
    Unanswered(&'static str),
    /// As [`Fault::Lost`] to the client. But what it sent, from the statement to the end of the transaction, arrives later.
    Late(&'static str, Duration),
    /// The statement is held up on its way, and what follows with it. Nothing breaks.
    Slow(&'static str, Duration),
    /// The line breaks after so many more bytes that way, likely in the middle of a message.
    Cut(Way, usize),
    /// Nothing passes that way any more, and nobody is told.
    Silent(Way),
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    There,
    /// From the server to the client.
    Back,
}

/// A line that can be broken. All its connections end when it is dropped.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

/// What its connections share.
#[derive(Debug, Default)]
struct State {
    fault: Mutex<Option<Fault>>,
    /// Faults that happened.
    met: AtomicUsize,
    /// How long each piece takes, in milliseconds.
    delay_ms: AtomicU64,
    /// Transactions that are still on their way though their client is gone.
    late: AtomicUsize,
    /// Raised to reset every connection.
    resets: watch::Sender<usize>,
}

impl Line {
    /// A line to the server at this address, host:port. Must be called within a runtime.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn to(server: impl Into<String>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, server.into(), Arc::clone(&state))).abort_handle();
        Ok(Self { address, state, accepting })
    }

    /// Where it begins: host:port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Whatever connection it fits next suffers this, once. Another one that has not happened yet is forgotten.
    pub fn arm(&self, fault: Fault) {
        *self.state.fault() = Some(fault);
    }

    /// Forgets a fault that has not happened yet.
    pub fn disarm(&self) {
        *self.state.fault() = None;
    }

    /// How many faults happened.
    pub fn met(&self) -> usize {
        self.state.met.load(Ordering::SeqCst)
    }

    /// From now on every piece takes so long, both ways.
    pub fn delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    /// Resets every connection that there is, as a firewall does that forgot them.
    pub fn reset(&self) {
        self.state.resets.send_modify(|resets| *resets += 1);
    }

    /// Waits until everything has arrived that was late.
    pub async fn rest(&self) {
        while self.state.late.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.reset();
    }
}

impl State {
    fn fault(&self) -> std::sync::MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the fault that is armed, if it is one that fits.
    fn meet(&self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let fault = self.fault().take_if(|fault| fits(fault))?;
        self.met.fetch_add(1, Ordering::SeqCst);
        Some(fault)
    }

    async fn pause(&self) {
        let delay_ms = self.delay_ms.load(Ordering::SeqCst);
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }
}

async fn accept(listener: TcpListener, server: String, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, state) = (server.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            // Where nobody listens behind the line, its client sees it end.
            if let Ok(server) = TcpStream::connect(&server).await {
                carry::carry(client, server, &state).await;
            }
        });
    }
}
