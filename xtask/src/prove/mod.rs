//! `cargo xtask prove`: tries to break the shop, in every way there is, and keeps what came of it.
//!
//! Each part is a program of `proving/` of its own and ends with one line of figures. What all runs ever came to is added up
//! in `docs/proving-results.json`; seeds are never played twice.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

mod build;
mod parts;
mod results;
mod table;

use build::Programs;
use parts::Part;
use results::{Results, Run};

/// How long to try.
#[derive(Args)]
pub(crate) struct Options {
    /// Go on for so many minutes once everything is built.
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Go on for so many hours, with more kills and states that are further away.
    #[arg(long, value_name = "HOURS", num_args = 0..=1, default_missing_value = "8")]
    long: Option<u32>,
    /// How the programs are built.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Print what all runs came to, and try nothing.
    #[arg(long, conflicts_with = "long")]
    show: bool,
}

/// How long the simulation has its turn in a long run, before the kill test has its own.
const TURN: Duration = Duration::from_secs(900);

/// Runs every part, prints the table and adds to what is kept. Whether nothing was found.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut results = Results::read()?;
    if options.show {
        print!("{}", table::of(None, &results));
        return Ok(true);
    }
    let programs = Programs::build(&options.profile)?;
    let started = Instant::now();
    let is_long = options.long.is_some();
    let minutes = options.long.map_or(options.minutes, |hours| 60 * hours);
    let end = started + Duration::from_secs(60 * u64::from(minutes));
    let mut run = Run::begin()?;
    run.add(parts::planted()?);
    let mut seeds = Seeds::after(&results);
    run.add(parts::models(results.next_seed(Part::MODELS), is_long)?);
    run.add(parts::states(&programs, is_long)?);
    loop {
        run.add(parts::kill(&programs, seeds.kill())?);
        let turn = if is_long { end.min(Instant::now() + TURN) } else { end };
        simulate(&programs, &mut seeds, turn, &mut run)?;
        run.seconds = started.elapsed().as_secs();
        // Whoever stops a long run keeps what it came to.
        results.write_with(&run)?;
        if !is_long || !run.is_good() || Instant::now() + TURN > end {
            break;
        }
    }
    results.add(run);
    println!("\n{}", table::of(results.last(), &results));
    println!("written to {}", results::PATH);
    Ok(results.last().is_some_and(Run::is_good))
}

/// Plays seeds until the time is over, some at once, and says how fast that is.
fn simulate(programs: &Programs, seeds: &mut Seeds, end: Instant, run: &mut Run) -> Result<()> {
    let Some(simulation) = &programs.sim else {
        println!("== simulation: NOT RUN, there is no proving/sim here");
        return Ok(());
    };
    let (started, mut played, mut slice) = (Instant::now(), 0u64, parts::FIRST_SLICE);
    while Instant::now() < end {
        let part = parts::simulation(simulation, seeds.simulation(slice))?;
        played += slice;
        let per_second = played / started.elapsed().as_secs().max(1);
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        println!("simulation: {played} seeds, {per_second} a second, {left} s left");
        let good = part.is_good();
        run.add(part);
        if !good {
            break;
        }
        slice = (per_second * parts::SLICE_S).max(parts::FIRST_SLICE);
    }
    Ok(())
}

/// The next seeds that were never played.
struct Seeds {
    kill: u64,
    simulation: u64,
}

impl Seeds {
    fn after(results: &Results) -> Seeds {
        Seeds { kill: results.next_seed(Part::KILL), simulation: results.next_seed(Part::SIMULATION) }
    }

    fn kill(&mut self) -> u64 {
        self.kill += 1;
        self.kill - 1
    }

    fn simulation(&mut self, count: u64) -> std::ops::Range<u64> {
        let first = self.simulation;
        self.simulation += count;
        first..self.simulation
    }
}
