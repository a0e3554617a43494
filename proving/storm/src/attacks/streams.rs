//! As many streams on a connection as can be written, whatever the server allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Attack, Tally, add_up, coded, write_and_listen};
use crate::frames::{END_HEADERS, HEADERS, call, frame};

/// Connections at once.
const CONNECTIONS: usize = 8;
/// Streams that are opened on a connection in one breath.
const BREATH: usize = 1000;
/// How long a connection is listened to after that.
const LISTEN: Duration = Duration::from_secs(2);

/// The codes with which a server refuses streams, and calms a connection.
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let opened = Arc::new(AtomicUsize::new(0));
    let mut total = Tally::new();
    while opened.load(Ordering::Relaxed) < attack.count && !attack.is_over() {
        let mut lines = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let Ok(line) = attack.begin(&[]).await else { continue };
            let block = call("/productpb.ProductService/List", &[]);
            let ids = (1..).step_by(2).take(BREATH.min(attack.count));
            let bytes: Vec<u8> = ids.flat_map(|id| frame(HEADERS, END_HEADERS, id, &block)).collect();
            opened.fetch_add(BREATH.min(attack.count), Ordering::Relaxed);
            lines.spawn(async move {
                let (heard, closed) =
                    write_and_listen(line, &bytes, usize::MAX, Instant::now() + LISTEN).await;
                vec![
                    ("connections", 1),
                    ("closed by the server", usize::from(closed)),
                    ("streams refused", coded(&heard.resets, REFUSED_STREAM)),
                    ("told to calm down", coded(&heard.goaways, ENHANCE_YOUR_CALM)),
                ]
            });
        }
        for (what, times) in add_up(lines).await? {
            *total.entry(what).or_default() += times;
        }
    }
    total.insert("streams opened".to_owned(), opened.load(Ordering::Relaxed));
    let refused =
        ["streams refused", "closed by the server"].map(|what| total.get(what).copied().unwrap_or_default());
    ensure!(refused.iter().sum::<usize>() > 0, "nothing was refused: {total:?}");
    Ok(total)
}
