//! Sockets that say nothing, or not enough: before TLS, within it, after it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{Attack, Tally, add_up};
use crate::line::Caller;
use crate::world::STRANGER;

/// The beginning of a hello of 512 bytes.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252];

pub(super) async fn run(attack: &Attack) -> Result<Tally> {
    let address = attack.rogue.address;
    let nobody = Arc::new(Caller::new(address, attack.certs(), None)?);
    let stranger = Arc::new(Caller::new(address, attack.certs(), Some(STRANGER))?);
    let rogue = Arc::new(attack.rogue.clone());
    let mut sockets = JoinSet::new();
    for n in 0..attack.count {
        let caller =
            Arc::clone([&nobody, &nobody, &rogue, &stranger, &nobody, &nobody, &nobody, &nobody][n % 8]);
        let until = attack.until;
        sockets.spawn(async move {
            match n % 8 {
                0 => tls(&caller, "without certificate", until).await,
                2 => tls(&caller, "listed", until).await,
                3 => tls(&caller, "not listed", until).await,
                1 | 5 => plain(&caller, HALF_A_HELLO, "half a hello", until).await,
                _ => plain(&caller, &[], "nothing", until).await,
            }
        });
    }
    let tally = add_up(sockets).await?;
    let left = tally.get("still open").copied().unwrap_or_default();
    ensure!(left == 0, "{left} silent sockets were still open: {tally:?}");
    Ok(tally)
}

async fn plain(
    caller: &Caller,
    word: &[u8],
    what: &'static str,
    until: Instant,
) -> Vec<(&'static str, usize)> {
    let Ok(mut line) = caller.connect().await else { return vec![("not accepted", 1)] };
    if line.write_all(word).await.is_err() {
        return vec![("not accepted", 1)];
    }
    vec![(what, 1), (ending(line, until).await, 1)]
}

async fn tls(caller: &Caller, what: &'static str, until: Instant) -> Vec<(&'static str, usize)> {
    match caller.shake().await {
        Ok(line) => vec![(what, 1), (ending(line, until).await, 1)],
        Err(_) => vec![("turned away in the handshake", 1)],
    }
}

/// How a line ends on which nothing more is said.
async fn ending(mut line: impl AsyncRead + Unpin, until: Instant) -> &'static str {
    let mut piece = [0; 1024];
    loop {
        match timeout_at(until, line.read(&mut piece)).await {
            Err(_) => return "still open",
            Ok(Ok(0) | Err(_)) => return "closed",
            Ok(Ok(_)) => {}
        }
    }
}
