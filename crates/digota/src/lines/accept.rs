//! Takes connections as they come, and holds out where the system has no more to give.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use digota_grpc::Throttle;
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::{sleep, timeout};

use crate::config::Listen;

/// First and longest pause after a failed accept.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// How many connections wait to be taken, as far as the system allows: those beyond have to knock again a second later.
const BACKLOG: u32 = 4096;

/// How many connections are turned away before it is tried again whether there is room.
const TURNED_AWAY: usize = 32;

/// Something that can always be opened.
const NOTHING: &str = "/dev/null";

/// Binds the configured address; `:3051` means every interface, IPv6 and IPv4 where there are both.
pub(crate) async fn bind(address: &Listen) -> io::Result<TcpListener> {
    if !address.host.is_empty() {
        return listen((address.host.as_str(), address.port)).await;
    }
    match listen(("::", address.port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => listen(("0.0.0.0", address.port)).await,
    }
}

async fn listen(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "the host has no address");
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // So that a server can be started again at once.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Hands every connection on, for ever.
pub(super) async fn accept_all(listener: TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    let mut reserve = Reserve::new();
    let mut pause = PAUSE.0;
    let quiet = Throttle::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                pause = PAUSE.0;
                take(stream, peer);
            }
            // The other side was gone before it was taken.
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                if let Some(more) = quiet.admit() {
                    tracing::warn!(%error, more, "cannot accept connections");
                }
                reserve.turn_away(&listener).await;
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Whether the error is that of the connection, not of accepting.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

/// A file descriptor kept for bad times. Without one a connection can't even be closed: it would wait, and the next one with it.
struct Reserve(Option<File>);

impl Reserve {
    fn new() -> Reserve {
        Reserve(File::open(NOTHING).ok())
    }

    /// Closes those that wait longest.
    async fn turn_away(&mut self, listener: &TcpListener) {
        self.0 = None;
        for _ in 0..TURNED_AWAY {
            // They are there already, or were not the reason.
            if !matches!(timeout(PAUSE.0, listener.accept()).await, Ok(Ok(_))) {
                break;
            }
        }
        self.0 = File::open(NOTHING).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_empty_host_binds_every_interface() {
        let listener = bind(&":0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listener.local_addr().unwrap().ip().is_unspecified());
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
    }
}
