//! Somebody between server and gateway who bends the gateway's clock, so that ours looks wrong.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on to `gateway`, and puts the dates in its answers forward until the file exists.
pub(super) async fn between(gateway: String, forward: SignedDuration, until: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(gateway.strip_prefix("http://").unwrap()).await.unwrap();
            let forward = if until.exists() { SignedDuration::ZERO } else { forward };
            tokio::spawn(pass_on(client, server, forward));
        }
    });
    address
}

async fn pass_on(client: TcpStream, server: TcpStream, forward: SignedDuration) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut part = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_server.read(&mut part).await {
        let answer = bent(std::str::from_utf8(&part[..read]).unwrap(), forward);
        if to_client.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }
    asking.abort();
}

/// An answer with another date, of the same length.
fn bent(answer: &str, forward: SignedDuration) -> String {
    const FORM: &str = "%a, %d %b %Y %H:%M:%S GMT";
    let Some((head, rest)) = answer.split_once("date: ") else { return answer.to_owned() };
    let (date, rest) = rest.split_once("\r\n").unwrap();
    assert!(date.ends_with("GMT"), "{date}");
    let then = Timestamp::now() + forward;
    format!("{head}date: {}\r\n{rest}", then.strftime(FORM))
}
