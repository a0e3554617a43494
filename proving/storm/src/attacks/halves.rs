//! Calls whose message never comes, or never comes to its end.

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::{Attack, Tally, add_up, all_closed, write_and_listen};
use crate::frames::{DATA, END_HEADERS, HEADERS, call, frame};

/// Calls on one connection: as many as are allowed.
const CALLS: usize = 100;
/// What is sent of every second message: a piece of 200,000 bytes.
const PIECE: usize = 10_000;

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let mut lines = JoinSet::new();
    for _ in 0..attack.count.div_ceil(CALLS) {
        // Over the limit of one client there are no more.
        let Ok(line) = attack.begin(&[]).await else { continue };
        let calls = CALLS.min(attack.count);
        let bytes: Vec<u8> = (0..calls).flat_map(half).collect();
        let until = attack.until;
        lines.spawn(async move {
            let (heard, closed) = write_and_listen(line, &bytes, calls, until).await;
            let answered = heard.answers();
            vec![
                ("connections", 1),
                ("halves", calls),
                ("ended by the server", answered),
                ("closed by the server", usize::from(closed)),
            ]
        });
    }
    let tally = add_up(lines).await?;
    let ended = tally.get("ended by the server").is_some_and(|&ended| ended > 0);
    ensure!(ended || all_closed(&tally), "nothing was ended: {tally:?}");
    Ok(tally)
}

fn half(n: usize) -> Vec<u8> {
    let id = u32::try_from(2 * n + 1).unwrap_or(1);
    let mut bytes = frame(HEADERS, END_HEADERS, id, &call("/productpb.ProductService/New", &[]));
    if n.is_multiple_of(2) {
        let mut message = vec![0];
        message.extend(200_000u32.to_be_bytes());
        message.resize(PIECE, b' ');
        bytes.extend(frame(DATA, 0, id, &message));
    }
    bytes
}
