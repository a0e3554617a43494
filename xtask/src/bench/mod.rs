//! `cargo xtask bench`: the server beside a bare tonic call, with the same client in the same run.
//!
//! What a machine can do differs by the hour, so what counts is the ratio: each run of the server is followed by a run
//! of the bare server with messages of the same sizes, both over mutual TLS, and the median of the rounds is held
//! against a floor. The load is a process of its own on the same cores.

use std::fs;

use anyhow::{Context, Result};
use clap::Args;

mod build;
mod load;
mod plan;
mod quiet;
mod report;
mod servers;
mod stage;

use build::Programs;
use load::{Load, Measured};
use plan::{Baseline, PLAN, Plan, Rounds};
use report::{Report, Row};
use servers::Server;
use stage::Stage;

use crate::repo;

/// How long to measure, and what to make of it.
#[derive(Args)]
pub(crate) struct Options {
    /// Short rounds of the release build, instead of long ones of the build that is shipped.
    #[arg(long)]
    quick: bool,
    /// Fail where a floor does not hold.
    #[arg(long)]
    check: bool,
    /// Measure only this flow, such as order-new.
    #[arg(long, value_parser = PLAN.iter().map(|plan| plan.flow).collect::<Vec<_>>())]
    flow: Option<String>,
}

/// Measures, prints the table and writes `target/bench/results.json`. Whether every floor holds, if that was asked.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let (profile, rounds) = if options.quick { ("release", Rounds::QUICK) } else { ("dist", Rounds::FULL) };
    let programs = Programs::build(profile)?;
    let stage = Stage::set(&programs)?;
    let bare = Server::bare(&programs, &stage)?;
    let mut report = Report::new(profile);
    let wanted = |plan: &&Plan| {
        (!plan.only_full || !options.quick) && options.flow.as_deref().is_none_or(|flow| flow == plan.flow)
    };
    for plan in PLAN.iter().filter(wanted) {
        // A fresh database for each row: a row must not pay for what the one before it wrote.
        let digota = Server::digota(&programs, &stage, plan.gateway_ms)?;
        let load = Load { plan, rounds: &rounds, programs: &programs, stage: &stage };
        let mut row = measure(&load, &digota, &bare)?;
        row.mean_group = digota.stop()?;
        report.rows.push(row);
    }
    print!("\n{report}");
    let path = repo::root().join("target/bench/results.json");
    fs::write(&path, serde_json::to_string_pretty(&report)?).with_context(|| path.display().to_string())?;
    println!("\nwritten to target/bench/results.json");
    Ok(!options.check || report.rows.iter().all(|row| row.holds))
}

/// Runs server and bare server by turns and takes the medians.
fn measure(load: &Load<'_>, digota: &Server, bare: &Server) -> Result<Row> {
    let (plan, count) = (load.plan, load.rounds.count);
    let mut pairs = vec![];
    for round in 1..=count {
        let others_percent = quiet::others_percent();
        let product = load.product(&digota.address)?;
        let bare = match plan.baseline {
            Baseline::Bare => Some(load.bare(&bare.address, &product)?),
            Baseline::Gateway => None,
        };
        let pair = Pair { ratio: plan.ratio(&product, bare.as_ref()), product, bare, others_percent };
        println!("{} c={} round {round} of {count}: {pair}", plan.flow, plan.concurrency);
        pairs.push(pair);
    }
    Ok(Row::of(plan, &pairs))
}

/// A round: the server, and the bare server right after it.
struct Pair {
    product: Measured,
    bare: Option<Measured>,
    ratio: f64,
    /// How much of the machine was busy with something else just before.
    others_percent: Option<u64>,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.0}/s", self.product.rps)?;
        if let Some(bare) = &self.bare {
            write!(out, ", bare {:.0}/s", bare.rps)?;
        }
        write!(out, ", ratio {:.2}", self.ratio)
    }
}
