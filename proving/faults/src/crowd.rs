//! Everybody who calls: payers, and one who follows the events. They gather before anything is broken, and go home when all is
//! at rest again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use digota_oracle::history::History;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::client::{Heard, Line};
use crate::follower::{Followed, Follower};
use crate::market::Market;
use crate::nodes::Nodes;
use crate::payer::{CARDS, Payer};
use crate::world::World;

/// What is there of each SKU at first; nothing said: it never runs out.
const QUANTITIES: [Option<i64>; 5] = [None, None, Some(60), Some(500), Some(100_000)];
/// How many connections all payers share.
pub(crate) const CONNECTIONS: usize = 4;
/// How long the payers may take to finish.
const FINISH: Duration = Duration::from_secs(180);
/// How long it may take until nothing is open any more, and until the last event has come.
const REST: Duration = Duration::from_secs(60);

/// Payers that buy and buy, and who follows.
pub(crate) struct Crowd {
    pub(crate) market: Arc<Market>,
    pub(crate) heard: Arc<Heard>,
    payers: JoinSet<History>,
    follower: JoinHandle<Result<Followed>>,
    /// Tells the follower how far to go.
    until: watch::Sender<Option<i64>>,
}

/// What they take home.
pub(crate) struct Seen {
    pub(crate) history: History,
    pub(crate) followed: Followed,
    /// Requests that were sent again.
    pub(crate) resent: usize,
}

impl Crowd {
    /// Opens a market on the first node, and lets so many buy there, each call with this deadline.
    pub(crate) async fn gather(
        nodes: &Nodes<'_>,
        count: usize,
        seed: u64,
        deadline: Duration,
    ) -> Result<Crowd> {
        let market = Arc::new(Market::open(&nodes.first(), &QUANTITIES).await?);
        let heard = Arc::new(Heard::default());
        let mut payers = JoinSet::new();
        for index in 0..count {
            let line = Line::new(nodes.known(), index, deadline, Arc::clone(&heard));
            payers.spawn(Payer::new(index, seed, Arc::clone(&market), line).work());
        }
        let (until, told) = watch::channel(None);
        let follower = tokio::spawn(Follower::new(nodes.known(), told).work());
        Ok(Crowd { market, heard, payers, follower, until })
    }

    /// Lets everybody end what they have begun, and waits until nothing is open. What stays open is for the verdict to name.
    pub(crate) async fn go_home(self, world: &World) -> Result<Seen> {
        let history = finish(self.payers, &self.market, &self.heard).await?;
        rest(world).await?;
        self.until.send_replace(Some(world.store.last_event()?));
        let followed = tokio::time::timeout(REST, self.follower).await;
        let followed =
            followed.context("the events do not come to an end")??.context("who follows the events")?;
        Ok(Seen { history, followed, resent: self.heard.resent.load(Ordering::Relaxed) })
    }
}

/// Waits for every payer, and puts their logs together.
async fn finish(mut payers: JoinSet<History>, market: &Market, heard: &Heard) -> Result<History> {
    market.closing.store(true, Ordering::Relaxed);
    let secrets = CARDS.map(str::to_owned).to_vec();
    let mut all = History { skus: market.skus.clone(), secrets, ..History::default() };
    let done = async {
        while let Some(history) = payers.join_next().await {
            let history = history.context("a payer")?;
            all.orders.extend(history.orders);
            all.orders_given_up += history.orders_given_up;
            all.faults.extend(history.faults);
        }
        Ok::<(), anyhow::Error>(())
    };
    tokio::time::timeout(FINISH, done).await.context("the payers do not come to an end")??;
    all.faults.extend(heard.internal.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
    Ok(all)
}

async fn rest(world: &World) -> Result<()> {
    let began = Instant::now();
    while world.store.open_now()? > 0 && began.elapsed() < REST {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eprintln!("at rest after {} ms", began.elapsed().as_millis());
    Ok(())
}
