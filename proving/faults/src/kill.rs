//! The kill test: `kill -9` at random moments while money moves, and a restart on the same data each time.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use digota_oracle::{Evidence, When, judge};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::time::Instant;

use crate::books::Storage;
use crate::client::DEADLINE;
use crate::crowd::{CONNECTIONS, Crowd, Seen};
use crate::follower::Followed;
use crate::market::Market;
use crate::nodes::Nodes;
use crate::payer::CARDS;
use crate::report;
use crate::tally::{Gap, Kills, Tally};
use crate::world::{Beside, Gateway, Reading, World};

/// A server is killed at a random moment of this many milliseconds after it serves.
const LIFE_MS: u64 = 300;
/// The same where it must make connections to a database first.
const LIFE_WITH_DATABASE_MS: u64 = 1500;
/// How long the gateway takes to answer, and to act: it may act after we died.
pub(crate) const GATEWAY_MS: (u64, u64) = (5, 50);
/// The share of requests to the gateway, and of its answers, that are lost.
const LOST: &str = "0.01";
/// How long the payers go on after the last kill.
const AFTERMATH: Duration = Duration::from_secs(1);

/// `digota-faults kill`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often the server is killed
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// How many clients pay at once
    #[arg(long, default_value_t = 32)]
    payers: usize,
    /// Where the shop is kept
    #[arg(long, value_enum, default_value = "sqlite")]
    storage: Storage,
    /// How many nodes serve it; one of them is killed at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    nodes: u8,
    /// Where chance starts; without it, anywhere
    #[arg(long)]
    seed: Option<u64>,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,
    /// The digota to kill; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Kills, waits for rest, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let Options { kills, payers, storage, nodes, .. } = options;
    ensure!(
        *nodes == 1 || *storage != Storage::Sqlite,
        "a file is for one node; --storage postgresql is for more"
    );
    eprintln!("kill: {kills} kills, {payers} payers, {storage:?}, {nodes} nodes, seed {seed}");
    let started = Instant::now();
    let played = play(options, seed).await?;
    let mut violations = judge(&played.evidence, When::AtRest);
    violations.extend(report::leaks(&played.folder, &CARDS)?);
    let seconds = started.elapsed().as_secs();
    let mut line = json!(played.tally);
    line["seconds"] = seconds.into();
    line["orders_per_second"] = (played.tally.orders as u64 / seconds.max(1)).into();
    line["violations"] = violations.len().into();
    if !options.json {
        report::table(&line);
    }
    line["seed"] = seed.into();
    line["payers"] = options.payers.into();
    line["storage"] = format!("{storage:?}").to_lowercase().into();
    line["nodes"] = (*nodes).into();
    if options.json {
        println!("{line}");
    }
    report::keep("kill.jsonl", line)?;
    report::sentence(&violations, &played.folder, seed)?;
    match played.tally.missing().as_slice() {
        [] => Ok(()),
        missing => bail!("the run proves nothing, there never was: {}", missing.join("; ")),
    }
}

/// What a run leaves.
struct Played {
    evidence: Evidence,
    tally: Tally,
    folder: PathBuf,
}

async fn play(options: &Options, seed: u64) -> Result<Played> {
    let (delay_ms, jitter_ms) = GATEWAY_MS;
    let gateway = Gateway::Beside(Beside { delay_ms, jitter_ms, lost: LOST, seed });
    let bin = digota(options.bin.as_deref())?;
    let world = World::build(&bin, &gateway, options.storage, Reading::This).await?;
    let mut nodes = Nodes::start(&world, &world.bin, options.nodes.into(), CONNECTIONS).await?;
    let crowd = Crowd::gather(&nodes, options.payers, seed, DEADLINE).await?;
    let mut killer = Killer::new(&world, &mut nodes, &crowd.market);
    let life_ms = match options.storage {
        Storage::Sqlite => LIFE_MS,
        Storage::Postgresql => LIFE_WITH_DATABASE_MS,
    };
    killer.kill(options.kills, life_ms, StdRng::seed_from_u64(seed)).await?;
    let kills = killer.kills;
    tokio::time::sleep(AFTERMATH).await;
    let Seen { history, followed, resent } = crowd.go_home(&world).await?;
    let Followed { events, streams } = followed;
    let kills = Kills { streams, ..kills };
    nodes.stop_all().await.context("the servers")?;
    let books = world.store.books()?;
    let (folder, journal) = world.close().await?;
    let evidence = Evidence { history, journal, books, events };
    let tally = Tally::count(&evidence, &kills, resent);
    Ok(Played { evidence, tally, folder })
}

/// The digota that is tried.
pub(crate) fn digota(bin: Option<&Path>) -> Result<PathBuf> {
    match bin {
        Some(bin) => Ok(bin.to_owned()),
        None => Ok(std::env::current_exe()?.with_file_name("digota")),
    }
}

struct Killer<'a, 'w> {
    world: &'w World,
    nodes: &'a mut Nodes<'w>,
    market: &'a Market,
    kills: Kills,
    started: Instant,
}

impl<'a, 'w> Killer<'a, 'w> {
    fn new(world: &'w World, nodes: &'a mut Nodes<'w>, market: &'a Market) -> Killer<'a, 'w> {
        Killer { world, nodes, market, kills: Kills::default(), started: Instant::now() }
    }

    /// Kills one node after the other, and starts it again each time.
    async fn kill(&mut self, kills: usize, life_ms: u64, mut chance: StdRng) -> Result<()> {
        for kill in 1..=kills {
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..=life_ms))).await;
            let index = kill % self.nodes.count();
            let node = self.nodes.kill(index).await?;
            let death = now();
            let open = self.world.store.open_attempts().context("the store after a kill")?;
            let open = open.into_iter().filter(|attempt| attempt.owner == node).map(|attempt| attempt.id);
            let open = open.collect();
            self.nodes.start_again(index).await?;
            self.kills.gaps.push(Gap { death, serving: now(), open });
            if kill % 10 == 0 || kill == kills {
                self.progress(kill, kills);
            }
        }
        Ok(())
    }

    fn progress(&self, kill: usize, kills: usize) {
        let orders = self.market.orders.load(Ordering::Relaxed);
        let seconds = self.started.elapsed().as_secs().max(1);
        eprintln!("kill {kill} of {kills}: {orders} orders, {} a second", orders as u64 / seconds);
    }
}

/// Microseconds since 1970-01-01 UTC.
#[expect(clippy::disallowed_methods, reason = "compared with the clock of another process")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
