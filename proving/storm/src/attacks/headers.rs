//! Headers that are too large, far too large, or have no end.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attack, Tally, add_up, write_and_listen};
use crate::frames::{CONTINUATION, END_HEADERS, HEADERS, call, frame};

/// Connections at once.
const AT_ONCE: usize = 16;
/// The largest frame that may be sent.
const FRAME: usize = 16 * 1024;
/// Frames of headers that never end.
const ENDLESS: usize = 20_000;
/// How long a connection is listened to.
const LISTEN: Duration = Duration::from_secs(3);

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let mut total = Tally::new();
    let mut done = 0;
    while done < attack.count && !attack.is_over() {
        let mut lines = JoinSet::new();
        for n in done..attack.count.min(done + AT_ONCE) {
            let Ok(line) = attack.begin(&[]).await else { continue };
            let (what, bytes, must_end) = match n % 3 {
                0 => ("a little too large", block(17), false),
                1 => ("far too large", block(400), true),
                _ => ("without end", without_end(), true),
            };
            // A connection that must end is listened to until it does.
            let answers = if must_end { usize::MAX } else { 1 };
            lines.spawn(async move {
                let (heard, closed) = write_and_listen(line, &bytes, answers, Instant::now() + LISTEN).await;
                let stands = must_end && !closed;
                let answered = heard.answers();
                vec![
                    (what, 1),
                    ("closed by the server", usize::from(closed)),
                    ("answered", answered),
                    ("stands", usize::from(stands)),
                ]
            });
        }
        done += AT_ONCE;
        for (what, times) in add_up(lines).await? {
            *total.entry(what).or_default() += times;
        }
    }
    ensure!(
        total.get("stands").is_none_or(|&stands| stands == 0),
        "a connection stands that must not: {total:?}"
    );
    Ok(total)
}

/// Headers of so many KiB, in frames as large as they may be.
fn block(kib: usize) -> Vec<u8> {
    let value = "x".repeat(kib * 1024);
    let block = call("/productpb.ProductService/List", &[("x-large", &value)]);
    let mut pieces = block.chunks(FRAME).peekable();
    let mut bytes = Vec::new();
    let mut kind = HEADERS;
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        bytes.extend(frame(kind, flags, 1, piece));
        kind = CONTINUATION;
    }
    bytes
}

fn without_end() -> Vec<u8> {
    let mut bytes = frame(HEADERS, 0, 1, &call("/productpb.ProductService/List", &[]));
    bytes.extend(frame(CONTINUATION, 0, 1, &[]).repeat(ENDLESS));
    bytes
}
