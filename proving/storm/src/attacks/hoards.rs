//! Calls whose replies are never taken: a window of nothing, or a socket that nobody reads.

use anyhow::Result;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::{Attack, Tally, add_up, write_and_listen};
use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, call, frame, message};

/// Calls on one connection: as many as are allowed.
const CALLS: usize = 100;
/// The largest window.
const WIDE: u32 = i32::MAX.cast_unsigned();

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let mut lines = JoinSet::new();
    for n in 0..attack.count.div_ceil(CALLS) {
        let reads = n.is_multiple_of(2);
        let window = if reads { 0 } else { WIDE };
        let Ok(mut line) = attack.begin(&[(INITIAL_WINDOW_SIZE, window)]).await else { continue };
        let calls = CALLS.min(attack.count);
        let bytes: Vec<u8> = (0..calls).flat_map(ask).collect();
        let until = attack.until;
        lines.spawn(async move {
            if !reads {
                // The connection's window is opened too, and nothing is ever read.
                let more = frame(8, 0, 0, &(WIDE - 65_535).to_be_bytes());
                let sent = line.write_all(&[more, bytes].concat()).await.is_ok();
                sleep_until(until).await;
                return vec![("asked without reading", if sent { calls } else { 0 })];
            }
            let (heard, closed) = write_and_listen(line, &bytes, usize::MAX, until).await;
            let answered = heard.answers();
            vec![
                ("asked without a window", calls),
                ("answered", answered),
                ("closed by the server", usize::from(closed)),
            ]
        });
    }
    add_up(lines).await
}

/// A call that reads a large page.
fn ask(n: usize) -> Vec<u8> {
    let id = u32::try_from(2 * n + 1).unwrap_or(1);
    // limit = 1000.
    let list = message(&[0x10, 0xe8, 0x07]);
    let headers = frame(HEADERS, END_HEADERS, id, &call("/orderpb.OrderService/List", &[]));
    [headers, frame(DATA, END_STREAM, id, &list)].concat()
}
