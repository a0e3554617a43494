//! What comes in: each attack in its own file, bounded in count and time, and each a process of its own, so that what it costs
//! the attacker is not taken from the honest clients.

mod bombs;
mod floods;
mod halves;
mod headers;
mod hoards;
mod resets;
mod silent;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::frames::{Heard, PREFACE, settings};
use crate::line::Caller;
use crate::world::{ROGUE, World};

/// How far an attacking process yields to server and honest clients: they would not share a machine.
const NICE: &str = "10";

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Sockets that say nothing, or not enough, in every phase of a connection
    Silent,
    /// As many streams on a connection as can be written
    Streams,
    /// Headers that are too large, and headers without an end
    Headers,
    /// Messages that say they are compressed, and messages that say they are gigantic
    Bombs,
    /// Calls that are reset as soon as they are made, and calls reset when they are being worked on
    Resets,
    /// Calls whose message never comes
    Halves,
    /// Calls whose replies are never taken
    Hoards,
    /// Control frames without end
    Floods,
}

/// What an attacking process is told.
#[derive(Args)]
pub(crate) struct Order {
    kind: Kind,
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    certs: PathBuf,
    #[arg(long)]
    count: usize,
    /// When it ends at the latest.
    #[arg(long)]
    seconds: u64,
}

/// What became of an attack: how often what happened.
pub(crate) type Tally = BTreeMap<String, usize>;

impl Kind {
    /// All of them, in the order in which they are tried.
    pub(crate) const ALL: [Kind; 8] = [
        Kind::Silent,
        Kind::Streams,
        Kind::Headers,
        Kind::Bombs,
        Kind::Resets,
        Kind::Halves,
        Kind::Hoards,
        Kind::Floods,
    ];

    /// How many of what it does in full.
    pub(crate) fn count(self) -> usize {
        match self {
            Kind::Silent => 2000,
            Kind::Streams | Kind::Resets => 20_000,
            Kind::Headers => 300,
            Kind::Bombs => 2000,
            Kind::Halves | Kind::Hoards => 5000,
            Kind::Floods => 300_000,
        }
    }

    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Starts it on a running server, as a process that yields to everybody else.
    pub(crate) async fn start(self, world: &World, count: usize, time: Duration) -> Result<Tally> {
        let output = Command::new("nice")
            .args(["-n", NICE])
            .arg(std::env::current_exe()?)
            .args(["assail", &self.name(), "--address", &world.address.to_string()])
            .args(["--count", &count.to_string(), "--seconds", &time.as_secs().to_string(), "--certs"])
            .arg(world.certs())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the attack {self:?} failed: {}", said.trim());
        serde_json::from_slice(&output.stdout).with_context(|| format!("{self:?} said nothing of use"))
    }
}

/// The attacking process.
pub(crate) async fn assail(order: &Order) -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let attack = Attack {
        rogue: Caller::new(order.address, &order.certs, Some(ROGUE))?,
        certs: order.certs.clone(),
        count: order.count,
        until: Instant::now() + Duration::from_secs(order.seconds),
    };
    let tally = match order.kind {
        Kind::Silent => silent::run(&attack).await?,
        Kind::Streams => streams::run(&attack).await?,
        Kind::Headers => headers::run(&attack).await?,
        Kind::Bombs => bombs::run(&attack).await?,
        Kind::Resets => resets::run(&attack).await?,
        Kind::Halves => halves::run(&attack).await?,
        Kind::Hoards => hoards::run(&attack).await?,
        Kind::Floods => floods::run(&attack).await?,
    };
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

/// An attack under way.
struct Attack {
    /// Who is listed and means harm.
    rogue: Caller,
    certs: PathBuf,
    count: usize,
    until: Instant,
}

impl Attack {
    fn certs(&self) -> &Path {
        &self.certs
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// A connection on which HTTP/2 was begun, with these settings.
    async fn begin(&self, set: &[(u16, u32)]) -> Result<TlsStream<TcpStream>> {
        let mut line = self.rogue.shake().await?;
        line.write_all(&[PREFACE, &settings(set)].concat()).await?;
        Ok(line)
    }
}

/// Writes, and goes on listening until the server closes, has answered so many calls, or the time is over. What it said, and
/// whether it closed.
async fn write_and_listen(
    line: TlsStream<TcpStream>,
    bytes: &[u8],
    answers: usize,
    until: Instant,
) -> (Heard, bool) {
    let (mut reader, mut writer) = tokio::io::split(line);
    let mut heard = Heard::default();
    let listening = async {
        while heard.next(&mut reader).await.unwrap_or(false) {
            if heard.answers() >= answers {
                return false;
            }
        }
        true
    };
    let talking = async {
        // A server that hangs up in the middle of a sentence is what this is about.
        let _ = writer.write_all(bytes).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    let closed = tokio::select! {
        closed = listening => closed,
        () = talking => false,
        () = tokio::time::sleep_until(until) => false,
    };
    (heard, closed)
}

/// Adds up what connections became of, each told as a list of things and how often they happened.
async fn add_up(mut tasks: JoinSet<Vec<(&'static str, usize)>>) -> Result<Tally> {
    let mut tally = Tally::new();
    while let Some(all) = tasks.join_next().await {
        for (what, times) in all? {
            *tally.entry(what.to_owned()).or_default() += times;
        }
    }
    Ok(tally)
}

/// Whether all connections that were made were closed. Attacks at once are by one client, who may have so many: of those that
/// come late no connection may be left to be answered on.
fn all_closed(tally: &Tally) -> bool {
    tally.get("connections").is_some_and(|made| tally.get("closed by the server") == Some(made))
}

/// How often a server said this, by its code.
fn coded(of: &BTreeMap<u32, usize>, code: u32) -> usize {
    of.get(&code).copied().unwrap_or_default()
}
