//! Control frames without end, and data that is none.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attack, Tally, add_up, write_and_listen};
use crate::frames::{DATA, END_HEADERS, HEADERS, PING, call, frame, settings};

/// How long a connection is listened to.
const LISTEN: Duration = Duration::from_secs(10);

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
            let bytes = [first, one.repeat(count)].concat();
            let until = until.min(Instant::now() + LISTEN);
            let (_, closed) = write_and_listen(line, &bytes, usize::MAX, until).await;
            vec![(what, count), ("closed by the server", usize::from(closed))]
        });
    }
    add_up(lines).await
}
