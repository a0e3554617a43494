//! Those who never finish their handshake, and those who speak something else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::Stage;

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_hung_up_on_and_holds_nobody_up() {
    let mut stage = Stage::new().await;
    let mut silent = TcpStream::connect(stage.address).await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(before.elapsed().as_secs(), 5);
    tokio::time::resume();
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(stage.address).await.unwrap());
    }
    stage.welcome(stage.client()).await;
}

#[tokio::test]
async fn those_who_stop_in_the_middle_of_a_handshake_hold_nobody_up() {
    let mut stage = Stage::new().await;
    let mut halves = Vec::new();
    for _ in 0..10 {
        let mut half = TcpStream::connect(stage.address).await.unwrap();
        // The beginning of a hello of 512 bytes.
        half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await.unwrap();
        halves.push(half);
    }
    stage.welcome(stage.client()).await;
}

#[tokio::test]
async fn noise_instead_of_tls_is_hung_up_on() {
    let mut stage = Stage::new().await;
    let mut client = TcpStream::connect(stage.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The alert, or a reset where the system is quicker to close than to send.
    let _ = client.read_to_end(&mut answer).await;
    assert!(answer.len() < 16, "{answer:?}");
    stage.welcome(stage.client()).await;
}
