//! `cargo xtask bench`: the server beside a bare tonic call, with the same client in the same run.
//!
//! What a machine can do differs by the hour, so what counts is the ratio: each run of the server is followed by a run
//! of the bare server with messages of the same sizes, both over mutual TLS, and the median of the rounds is held
//! against a floor. The load is a process of its own on the same cores. On PostgreSQL a third run follows, of pgbench with
//! the same statements.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use digota_servers::Postgres;

mod build;
mod database;
mod load;
mod pgbench;
mod plan;
mod quiet;
mod rehearsal;
mod report;
mod servers;
mod stage;

pub(crate) use build::Programs;
use database::{Database, Lazy};
use load::{Load, Measured};
pub(crate) use plan::Storage;
use plan::{Baseline, PLAN, Plan, Rounds};
pub(crate) use rehearsal::rehearse;
use report::{Report, Row};
use servers::Server;
use stage::Stage;

use crate::repo;

/// How long to measure, and what to make of it.
#[derive(Args)]
pub(crate) struct Options {
    /// Short rounds of the release build, instead of long ones of the profile `dist`.
    #[arg(long)]
    quick: bool,
    /// Fail where a floor does not hold; with CI set, also where something can't be measured.
    #[arg(long)]
    check: bool,
    /// Measure only this flow, such as order-new.
    #[arg(long, value_parser = PLAN.iter().map(|plan| plan.flow).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())]
    flow: Option<String>,
    /// Measure only on this storage. PostgreSQL is started for it, if it is on this machine.
    #[arg(long)]
    storage: Option<Storage>,
    /// Measure this server instead of the one that is built, such as the one of `cargo xtask dist`.
    #[arg(long, value_name = "PATH")]
    digota: Option<PathBuf>,
}

impl Options {
    fn want(&self, plan: &Plan) -> bool {
        (!plan.only_full || !self.quick)
            && self.flow.as_deref().is_none_or(|flow| flow == plan.flow)
            && self.storage.is_none_or(|storage| storage == plan.storage)
    }
}

/// Measures, prints the table and writes `target/bench/results.json`. Whether every floor holds, if that was asked; what can't
/// be measured here doesn't count, unless `CI` is set, as with tests.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let (profile, rounds) = if options.quick { ("release", Rounds::QUICK) } else { ("dist", Rounds::FULL) };
    let plans: Vec<&Plan> = PLAN.iter().filter(|plan| options.want(plan)).collect();
    let programs = Programs::build(profile, options.digota.as_deref())?;
    let stage = Stage::set(&programs)?;
    let bare = Server::bare(&programs, &stage)?;
    let mut report = Report::new(profile);
    report.notes.extend(options.digota.iter().map(|path| {
        format!(
            "server: {}, beside a bare one of the profile {profile}: floors are not meant for it",
            path.display()
        )
    }));
    let postgres = Lazy::new(Postgres::start_durable);
    for (index, plan) in plans.into_iter().enumerate() {
        let database = match Database::of_row(index, plan, &stage, &postgres) {
            Ok(database) => database,
            Err(why) => {
                report.missing.insert(format!("rows on {}: {why}", plan.storage.name()));
                continue;
            }
        };
        report.missing.extend(database.lacks());
        let digota = Server::digota(&programs, &stage, plan.gateway_ms, &database)?;
        let load = Load { plan, rounds: &rounds, programs: &programs, stage: &stage, database: &database };
        let mut row = measure(&load, &digota, &bare)?;
        row.mean_group = digota.stop()?;
        report.rows.push(row);
    }
    print!("\n{report}");
    let path = repo::root().join("target/bench/results.json");
    fs::write(&path, serde_json::to_string_pretty(&report)?).with_context(|| path.display().to_string())?;
    println!("\nwritten to target/bench/results.json");
    Ok(!options.check || report.holds(judges_for_everybody()))
}

/// Whether nothing may be left out here.
fn judges_for_everybody() -> bool {
    std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty())
}

/// Runs the server, the bare server and what else it is compared with by turns, and takes the medians.
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
        let pgbench = load.pgbench(round)?;
        let ratio = plan.ratio(&product, bare.as_ref());
        let pair = Pair { ratio, product, bare, pgbench, others_percent };
        println!(
            "{} {} c={} round {round} of {count}: {pair}",
            plan.flow,
            plan.storage.name(),
            plan.concurrency
        );
        pairs.push(pair);
    }
    Ok(Row::of(plan, &pairs))
}

/// A round: the server, the bare server right after it, and then PostgreSQL alone.
struct Pair {
    product: Measured,
    bare: Option<Measured>,
    /// Transactions per second, where the server keeps its shop on PostgreSQL.
    pgbench: Option<f64>,
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
        if let Some(pgbench) = self.pgbench {
            write!(out, ", pgbench {pgbench:.0}/s")?;
        }
        write!(out, ", ratio {:.2}", self.ratio)
    }
}
