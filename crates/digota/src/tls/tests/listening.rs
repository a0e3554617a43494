//! The accept loop: its bounds, its end, and the listener without TLS.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::transport::server::Connected;

use super::stage::Stage;
use crate::tls::{Listener, bind};

async fn plain(connections_max: usize) -> Listener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Listener::plain(listener, connections_max).unwrap()
}

#[tokio::test]
async fn without_tls_a_peer_is_known_by_its_address_alone() {
    let mut listener = plain(10).await;
    let mut client = TcpStream::connect(listener.local_addr()).await.unwrap();
    let mut io = listener.next().await.unwrap().unwrap();
    assert_eq!(io.connect_info().addr, client.local_addr().unwrap());
    assert!(io.connect_info().proof.is_none());
    client.write_all(b"ping").await.unwrap();
    let mut word = [0; 4];
    io.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"ping");
}

#[tokio::test]
async fn over_the_limit_a_connection_is_closed_and_a_freed_place_is_used_again() {
    let mut listener = plain(1).await;
    let address = listener.local_addr();
    let _first = TcpStream::connect(address).await.unwrap();
    let io = listener.next().await.unwrap().unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0);
    drop(io);
    let _third = TcpStream::connect(address).await.unwrap();
    assert!(listener.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_dropped_listener_frees_its_port() {
    let listener = plain(1).await;
    let address = listener.local_addr();
    drop(listener);
    let freed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), freed).await.expect("the port was not freed");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_hung_up_on_and_holds_nobody_up() {
    let mut stage = Stage::new().await;
    let mut silent = TcpStream::connect(stage.listener.local_addr()).await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(before.elapsed().as_secs(), 5);
    tokio::time::resume();
    let _silent = TcpStream::connect(stage.listener.local_addr()).await.unwrap();
    stage.welcome(stage.client()).await;
}

#[tokio::test]
async fn noise_instead_of_tls_is_hung_up_on() {
    let mut stage = Stage::new().await;
    let mut client = TcpStream::connect(stage.listener.local_addr()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The alert, or a reset where the system is quicker to close than to send.
    let _ = client.read_to_end(&mut answer).await;
    assert!(answer.len() < 16, "{answer:?}");
    stage.welcome(stage.client()).await;
}

#[tokio::test]
async fn an_empty_host_binds_every_interface() {
    let listener = bind(&":0".parse().unwrap()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(listener.local_addr().unwrap().ip().is_unspecified());
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
}
