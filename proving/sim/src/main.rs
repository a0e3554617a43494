//! `digota-sim`: plays the shop in a world of one thread, seed by seed, with faults, and judges every end.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person")]

use std::io::IsTerminal;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use digota_sim::judge::{self, Verdict};
use digota_sim::plan::{Broken, Plan};
use digota_sim::report::Report;
use digota_sim::shrink::shrink;

/// Plays the shop in a world of one thread, seed by seed, with faults, and judges every end.
///
/// Nodes run the real shop and the real edge; store, lock, gateway, clocks and network are simulated. A seed decides everything:
/// the same seed is the same world.
#[derive(Parser)]
#[command(
    after_help = "Seeds that fail are made small, printed, and kept in target/proving, to be played again by `replay`."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays many seeds; fails where something must never be, or where a fault never came up
    Run {
        /// Which seeds, as `0..200`: the last one is not played
        #[arg(long, value_parser = seeds, default_value = "0..200")]
        seeds: Range<u64>,
        /// Prints one line of JSON instead of a table
        #[arg(long)]
        json: bool,
        /// Breaks a promise of the world on purpose, to see that it is noticed and what that looks like
        #[arg(long)]
        broken: Option<Broken>,
    },
    /// Plays one schedule, and prints it, what happened, and what is wrong with it
    Replay {
        /// A seed, or the file of a schedule
        schedule: String,
        /// Leaves out what happened
        #[arg(long)]
        quiet: bool,
    },
}

/// Runs shorter than this need not meet every fault.
const ENOUGH: u64 = 200;

/// The most failing seeds that are made small.
const SHRUNK_MAX: usize = 5;

/// Where schedules that fail are kept.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/proving");

fn main() -> ExitCode {
    let verdict = match Cli::parse().command {
        Command::Run { seeds, json, broken } => run(seeds, json, broken),
        Command::Replay { schedule, quiet } => replay(&schedule, quiet),
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digota-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parse = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    let (first, end) = text.split_once("..").ok_or("must be as 0..200")?;
    let range = parse(first)?..parse(end)?;
    if range.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(range) }
}

fn run(seeds: Range<u64>, json: bool, broken: Option<Broken>) -> Result<()> {
    let (mut report, mut progress) = (Report::new(), Progress::new(seeds.end - seeds.start));
    let mut failed = 0;
    for seed in seeds {
        let mut plan = Plan::draw(seed);
        plan.setup.broken = broken;
        let verdict = judge::play_and_judge(&plan, false);
        let texts: Vec<String> = verdict.violations.iter().map(ToString::to_string).collect();
        report.add(seed, verdict.trace.hash(), &verdict.counts, &texts);
        if !texts.is_empty() {
            failed += 1;
            if failed <= SHRUNK_MAX {
                explain(&plan, &verdict)?;
            }
        }
        progress.step(failed);
    }
    progress.end(failed);
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    if failed > 0 {
        bail!("{failed} seeds failed");
    }
    let missing = report.missing();
    if report.seeds >= ENOUGH && !missing.is_empty() {
        bail!("nothing of this ever came up, so it proves nothing about it: {}", missing.join(", "));
    }
    Ok(())
}

/// Makes a schedule that failed small, tells it, and keeps it.
fn explain(plan: &Plan, verdict: &Verdict) -> Result<()> {
    let Some(first) = verdict.violations.first() else { return Ok(()) };
    let again = |plan: &Plan| judge::play_and_judge(plan, false).breaks(&first.rule);
    let small = shrink(plan, again);
    let found = judge::play_and_judge(&small, false);
    let path = Path::new(FOLDER).join(format!("sim-{}.json", plan.seed));
    std::fs::create_dir_all(FOLDER)?;
    std::fs::write(&path, serde_json::to_string_pretty(&small)?)?;
    eprintln!("\nseed {} fails; so does this part of it:\n\n{small}", plan.seed);
    for violation in &found.violations {
        eprintln!("VIOLATION  {violation}");
    }
    eprintln!("\nto see what happens: digota-sim replay {}\n", path.display());
    Ok(())
}

fn replay(schedule: &str, quiet: bool) -> Result<()> {
    let plan = match schedule.parse() {
        Ok(seed) => Plan::draw(seed),
        Err(_) => read(&PathBuf::from(schedule))?,
    };
    let verdict = judge::play_and_judge(&plan, !quiet);
    println!("{plan}");
    for line in verdict.trace.lines() {
        println!("{line}");
    }
    println!();
    for (kind, count) in &verdict.counts {
        println!("  {kind:<28} {count:>10}");
    }
    println!("  {:<28} {:>10}", "trace", format!("{:016x}", verdict.trace.hash()));
    for violation in &verdict.violations {
        println!("VIOLATION  {violation}");
    }
    if !verdict.violations.is_empty() {
        bail!("{} violations", verdict.violations.len());
    }
    println!("no violations");
    Ok(())
}

fn read(path: &Path) -> Result<Plan> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("no seed, and no file: {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no schedule", path.display()))
}

/// Tells whoever waits how far it is.
struct Progress {
    total: u64,
    done: u64,
    began: Instant,
    told: Instant,
}

impl Progress {
    fn new(total: u64) -> Progress {
        let now = Instant::now();
        Progress { total, done: 0, began: now, told: now }
    }

    fn step(&mut self, failed: usize) {
        self.done += 1;
        let pause = Duration::from_secs(if std::io::stderr().is_terminal() { 1 } else { 10 });
        if self.told.elapsed() >= pause {
            self.told = Instant::now();
            self.tell(failed);
        }
    }

    fn end(&self, failed: usize) {
        self.tell(failed);
    }

    fn tell(&self, failed: usize) {
        let spent = self.began.elapsed().as_millis().max(1);
        let rate = u128::from(self.done) * 1000 / spent;
        eprintln!("{} of {} seeds, {rate} a second, {failed} failed", self.done, self.total);
    }
}
