//! The storm: every attack by itself, then all at once; honest clients must hardly notice, and nothing may be left of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::attacks::{Kind, Tally};
use crate::honest::{Honest, Market, Seen, order};
use crate::pulse::Pulse;
use crate::report;
use crate::world::World;

/// How many times its quiet p99 the p99 of honest clients may be.
const SLOWER_MAX: u32 = 10;
/// How long after an attack the server may hold what it took for it.
const BACK: Duration = Duration::from_secs(60);
/// How much more memory it may hold in the middle of it, in KiB.
const MORE_MEMORY_KIB: u64 = 1024 * 1024;
/// Orders that there are to be read from the beginning.
const ORDERS: usize = 1000;
/// What the server gets to do before it is looked at: so many calls at once, for so long. What it keeps of honest calls, as a
/// cache does, is no damage of a storm.
const WARM_CALLS: usize = 256;
const WARM: Duration = Duration::from_secs(5);

/// `digota-storm attack`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these attacks, and not all at once
    #[arg(value_name = "ATTACK")]
    only: Vec<Kind>,
    /// Only all attacks at once, and not one after another before
    #[arg(long, conflicts_with = "only")]
    at_once: bool,
    /// How often all attacks at once come over the same server, one time after the other
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Divides the size of every attack
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    divide: u16,
    /// When each attack ends at the latest, in seconds
    #[arg(long, default_value_t = 25)]
    seconds: u64,
    /// Judges what was refused, answered and left behind, and not how long it took
    #[arg(long)]
    counts_only: bool,
    /// Lines for the top of the server's settings
    #[arg(long, default_value = "")]
    settings: String,
    /// The digota to attack; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Attacks, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let world = World::start(options.bin.as_deref(), &options.settings, Duration::ZERO)?;
    let market = Market::open(&world.channel()?).await?;
    let channel = world.channel()?;
    for n in 0..ORDERS / usize::from(options.divide) {
        order(channel.clone(), &market.skus[n % market.skus.len()]).await?;
    }
    market.crowd(&world, WARM_CALLS / usize::from(options.divide), WARM).await?;
    let honest = Honest::start(&world, &market)?;
    sleep(Duration::from_secs(1)).await;
    honest.take()?;
    sleep(Duration::from_secs(if options.counts_only { 1 } else { 10 })).await;
    let (quiet, start) = (honest.take()?, level(world.pid()).await?);
    let mut row = quiet.json();
    row["start"] = start.json();
    report::row("quiet", &row);
    let mut rows = serde_json::Map::from_iter([("quiet".to_owned(), row)]);
    let mut storm = Storm { options, world: &world, quiet, start, honest, complaints: Vec::new() };
    let kinds: &[Kind] = match options {
        Options { at_once: true, .. } => &[],
        Options { only, .. } if only.is_empty() => &Kind::ALL,
        Options { only, .. } => only,
    };
    for kind in kinds {
        rows.insert(kind.name(), storm.attack(&kind.name(), &[*kind]).await?);
    }
    if options.only.is_empty() {
        for round in 1..=options.rounds {
            let name = format!("together {round}");
            let row = storm.attack(&name, &Kind::ALL).await?;
            rows.insert(name, row);
        }
    }
    let mut complaints = std::mem::take(&mut storm.complaints);
    drop(storm);
    if world.errors()? > 0 {
        complaints.push(format!("{} errors in the server's log", world.errors()?));
    }
    let stopped = world.stop()?;
    println!("stopped in {stopped:?}");
    report::keep("storm.jsonl", json!({ "divide": options.divide, "rows": rows, "complaints": complaints }))?;
    ensure!(complaints.is_empty(), "{} complaints: {}", complaints.len(), complaints.join("; "));
    println!("the storm is over, and nothing is left of it");
    Ok(())
}

/// What goes on.
struct Storm<'a> {
    options: &'a Options,
    world: &'a World,
    honest: Honest,
    quiet: Seen,
    /// What the server held before the first attack.
    start: Pulse,
    complaints: Vec<String>,
}

impl Storm<'_> {
    /// Attacks in these ways at once, and looks at what becomes of everybody.
    async fn attack(&mut self, name: &str, kinds: &[Kind]) -> Result<Value> {
        let (pid, time) = (self.world.pid(), Duration::from_secs(self.options.seconds));
        // Connections of honest clients come and go; memory has to go back to what it was before the first attack of all.
        let level = level(pid).await?;
        let before = Pulse { memory_kib: self.start.memory_kib, ..level };
        self.honest.take()?;
        let peak = Peak::watch(pid);
        let attacks = kinds.iter().map(|kind| {
            let count = (kind.count() / usize::from(self.options.divide)).max(32);
            kind.start(self.world, count, time)
        });
        let mut tallies = Vec::new();
        for attack in all(attacks.collect()).await {
            match attack {
                Ok(tally) => tallies.push(tally),
                Err(error) => self.complaints.push(format!("{name}: {error:#}")),
            }
        }
        let seen = self.honest.take()?;
        let most = peak.stop();
        let back = Pulse::back_to(&before, pid, BACK).await;
        self.judge(name, &seen, before, most);
        let after = Pulse::of(pid)?;
        let back_ms = match back {
            Ok(span) => Value::from(u64::try_from(span.as_millis())?),
            Err(error) => {
                self.complaints.push(format!("{name}: {error:#}"));
                Value::Null
            }
        };
        let mut row = seen.json();
        row["peak_memory_mib"] = (most / 1024).into();
        row["before"] = level.json();
        row["after"] = after.json();
        row["back_after_ms"] = back_ms;
        row["attack"] = serde_json::to_value(tallies)?;
        report::row(name, &row);
        Ok(row)
    }

    fn judge(&mut self, name: &str, seen: &Seen, before: Pulse, peak_kib: u64) {
        let mut complain = |text: String| self.complaints.push(format!("{name}: {text}"));
        if let Some(first) = seen.failures.first() {
            complain(format!("{} honest calls failed, the first: {first}", seen.failures.len()));
        }
        if seen.calls() == 0 {
            complain("no honest call was answered".to_owned());
        }
        let (quiet, stormy) = (self.quiet.p99(), seen.p99());
        if !self.options.counts_only && stormy > quiet * SLOWER_MAX {
            complain(format!("honest p99 {stormy:?}, quiet {quiet:?}"));
        }
        if peak_kib > before.memory_kib + MORE_MEMORY_KIB {
            complain(format!("it held {} MiB", peak_kib / 1024));
        }
    }
}

/// The most that the process holds while only honest clients call: they come and go too.
async fn level(pid: u32) -> Result<Pulse> {
    let mut level = Pulse::of(pid)?;
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        level = level.max(Pulse::of(pid)?);
    }
    Ok(level)
}

/// Runs all at once.
async fn all(attacks: Vec<impl Future<Output = Result<Tally>>>) -> Vec<Result<Tally>> {
    let mut running: Vec<_> = attacks.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<Result<Tally>>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (attack, done) in running.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(tally) = attack.as_mut().poll(context) {
                *done = Some(tally);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Watches how much memory a process holds at most.
struct Peak {
    most_kib: Arc<AtomicU64>,
    _watching: JoinSet<()>,
}

impl Peak {
    fn watch(pid: u32) -> Peak {
        let most_kib = Arc::new(AtomicU64::new(0));
        let (most, mut watching) = (Arc::clone(&most_kib), JoinSet::new());
        watching.spawn(async move {
            while let Ok(pulse) = Pulse::of(pid) {
                most.fetch_max(pulse.memory_kib, Ordering::Relaxed);
                sleep(Duration::from_millis(100)).await;
            }
        });
        Peak { most_kib, _watching: watching }
    }

    fn stop(self) -> u64 {
        self.most_kib.load(Ordering::Relaxed)
    }
}
