//! A line to the server that breaks at the worst moment: COMMIT was sent, its answer never comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use digota_core::port::store::{CommitError, Refusal, Resolution};
use digota_storage::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Server, commit, config, is_there, open, order};

pub(super) async fn a_commit_whose_answer_is_lost_is_found_out(server: Server) {
    let direct = config(&server);
    let (address, breaks) = line(server.address()).await;
    let shop = open(&Config { address: vec![address], ..direct.clone() }).await;
    // The writer's first COMMIT is prepared before it is sent, which is how the line knows that it comes next.
    breaks.store(true, Ordering::SeqCst);
    let lost = commit(shop.as_ref(), 1, [order(1)]).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");
    assert!(!breaks.load(Ordering::SeqCst), "the line broke");

    assert_eq!(shop.resolve(super::id(1)).await, Ok(Resolution::Committed));
    assert!(is_there(shop.as_ref(), 1).await);
    let again = commit(shop.as_ref(), 1, [order(1)]).await;
    assert_eq!(again, Err(CommitError::Refused(Refusal::OperationUsed)));
    commit(shop.as_ref(), 2, [order(2)]).await.expect("on a new connection");
}

/// A line that breaks once, when it is told to. Its address, and whether it is going to.
async fn line(server: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let breaks = Arc::new(AtomicBool::new(false));
    let armed = Arc::clone(&breaks);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server is there");
            tokio::spawn(carry(client, server, Arc::clone(&armed)));
        }
    });
    (address, breaks)
}

/// Carries bytes both ways. What follows the preparation of COMMIT still reaches the server, but nothing comes back.
async fn carry(mut client: TcpStream, mut server: TcpStream, breaks: Arc<AtomicBool>) {
    let (mut there, mut back) = (vec![0; 65536], vec![0; 65536]);
    let mut is_next = false;
    loop {
        tokio::select! {
            biased;
            read = client.read(&mut there) => {
                let Ok(n @ 1..) = read else { return };
                if server.write_all(&there[..n]).await.is_err() {
                    return;
                }
                if is_next && breaks.swap(false, Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return;
                }
                is_next = breaks.load(Ordering::SeqCst) && there[..n].windows(6).any(|bytes| bytes == b"COMMIT");
            }
            read = server.read(&mut back) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&back[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
