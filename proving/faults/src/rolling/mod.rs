//! A rolling restart: nodes of an earlier digota are replaced one by one by this one, while clients pay through all of them. The
//! first that starts brings the schema up to date under the writes of the others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use digota_oracle::{Evidence, When, judge};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::time::Instant;

use crate::books::Storage;
use crate::crowd::{CONNECTIONS, Crowd, Seen};
use crate::kill::{GATEWAY_MS, digota};
use crate::nodes::Nodes;
use crate::payer::CARDS;
use crate::report;
use crate::world::{Beside, Gateway, Reading, World};

mod account;

use account::{Account, Found, Restart};

/// The deadline of every call: so long that no call fails because the machine is slow.
const DEADLINE: Duration = Duration::from_secs(25);

/// `digota-faults rolling`.
#[derive(Args)]
pub(crate) struct Options {
    /// The digota that serves at first; `cargo xtask rolling --from REV` builds one
    #[arg(long, value_name = "PATH")]
    older: PathBuf,
    /// How many nodes serve the shop
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..))]
    nodes: u8,
    /// How many clients pay at once
    #[arg(long, default_value_t = 16)]
    payers: usize,
    /// How long things stay as they are before the first restart, between restarts and after the last one, about
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Where chance starts; without it, anywhere
    #[arg(long)]
    seed: Option<u64>,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,
    /// The digota that takes over; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Restarts every node, waits for rest, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    let Options { nodes, payers, seconds, .. } = options;
    eprintln!("rolling: {nodes} nodes, {payers} payers, about {seconds} s at a time, seed {seed}");
    let played = play(options, seed).await?;
    let mut violations = judge(&played.evidence, When::AtRest);
    violations.extend(report::leaks(&played.folder, &CARDS)?);
    let mut line = json!(played.account.figures);
    line["violations"] = violations.len().into();
    if !options.json {
        report::table(&line);
    }
    line["seed"] = seed.into();
    line["payers"] = (*payers).into();
    line["nodes"] = (*nodes).into();
    if options.json {
        println!("{line}");
    }
    report::keep("rolling.jsonl", line)?;
    let wrong = &played.account.wrong;
    for text in wrong.iter().take(report::PRINTED_MAX) {
        eprintln!("WRONG  {text}");
    }
    if violations.is_empty() && !wrong.is_empty() {
        bail!(
            "{} things are wrong, seed {seed}; the evidence is in {}",
            wrong.len(),
            played.folder.display()
        );
    }
    report::sentence(&violations, &played.folder, seed)?;
    let missing = played.account.figures.missing();
    ensure!(missing.is_empty(), "the run proves nothing, there never was: {}", missing.join("; "));
    Ok(())
}

/// What a run leaves.
struct Played {
    evidence: Evidence,
    account: Account,
    folder: PathBuf,
}

async fn play(options: &Options, seed: u64) -> Result<Played> {
    let (delay_ms, jitter_ms) = GATEWAY_MS;
    // Cards whose answers are lost are enough: whatever else a payer has to send again is the restart's fault.
    let gateway = Gateway::Beside(Beside { delay_ms, jitter_ms, lost: "0", seed });
    let bin = digota(options.bin.as_deref())?;
    let world = World::build(&bin, &gateway, Storage::Postgresql, Reading::EarlierToo).await?;
    let older = options.older.canonicalize();
    let older = older.with_context(|| format!("there is no digota at {}", options.older.display()))?;
    let mut nodes = Nodes::start(&world, &older, options.nodes.into(), CONNECTIONS).await?;
    let mut found = Found { schema_before: world.store.schema()?, ..Found::default() };
    let crowd = Crowd::gather(&nodes, options.payers, seed, DEADLINE).await?;
    let mut pause = Pause { chance: StdRng::seed_from_u64(seed), seconds: options.seconds };
    pause.wait().await;

    nodes.switch_to(&world.bin);
    let mut restarts = Vec::new();
    for index in 0..nodes.count() {
        let stop = Instant::now();
        nodes.stop(index).await.with_context(|| format!("node {index}"))?;
        if index + 1 == nodes.count() {
            // No earlier node is left: what they left behind is for the last start to make good.
            found.marks_left_wrong = world.store.wrong_marks()?;
        }
        let start = Instant::now();
        nodes.start_again(index).await.with_context(|| format!("node {index}, anew"))?;
        restarts.push(Restart { stop, start, serving: Instant::now() });
        eprintln!("node {index} is a new one after {} ms", start.elapsed().as_millis());
        pause.wait().await;
    }

    let heard = std::sync::Arc::clone(&crowd.heard);
    let Seen { history, followed, .. } = crowd.go_home(&world).await?;
    nodes.stop_all().await.context("the servers")?;
    found.marks_wrong = world.store.wrong_marks()?;
    found.schema_after = world.store.schema()?;
    found.verify = world.verify().err();
    let books = world.store.books()?;
    found.way_back = way_back(&world, &older).await?;
    let (folder, journal) = world.close().await?;
    let evidence = Evidence { history, journal, books, events: followed.events };
    let answers = heard.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).split_off(0);
    let mut account = Account::of(&evidence, &answers, &restarts, found, followed.streams);
    account.wrong.extend(report::faults_logged(&folder)?);
    Ok(Played { evidence, account, folder })
}

/// Whether the earlier digota still starts; if not, what it said.
async fn way_back(world: &World, older: &Path) -> Result<Result<(), String>> {
    const NUMBER: usize = 1000;
    match world.serve(older, NUMBER).await {
        Ok(mut process) => Ok(Ok(process.stop().await?)),
        Err(_) => Ok(Err(std::fs::read_to_string(world.path().join(format!("server{NUMBER}.log")))?)),
    }
}

/// How long things stay as they are.
struct Pause {
    chance: StdRng,
    seconds: u64,
}

impl Pause {
    async fn wait(&mut self) {
        let ms = 1000 * self.seconds;
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(ms / 2..=ms * 3 / 2))).await;
    }
}
