//! `cargo xtask test`: everything that can be tested on a bare machine, and a plain account of it.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::tidy;

mod cargo;
mod libtest;
mod python;
mod tally;

use tally::{Row, Tally};

/// How much to test.
#[derive(Args)]
pub(crate) struct Options {
    /// Only tidy and the unit tests; what that leaves out is counted as skipped.
    #[arg(long)]
    fast: bool,
}

/// The Python scripts, in the order in which they run. A script that is listed but missing is a failure.
const SCRIPTS: &[&str] = &["scripts/python/check_protos.py", "scripts/python/client_test.py"];

/// Runs the tests, then prints a row for each suite and the sum on the last line. Whether nothing failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut tally = Tally::default();
    heading("tidy");
    tally.add(tidy_row()?);
    if !options.fast {
        heading("servers");
        provide_servers();
    }
    heading("cargo test");
    let server = cargo::run(options.fast, &mut tally)?;
    heading("python");
    if options.fast {
        let reason = "left out by --fast";
        SCRIPTS.iter().for_each(|script| tally.add(Row::ignored(script, reason)));
        tally.add(Row::ignored("integration tests", reason));
    } else {
        python::run(SCRIPTS, server.as_deref(), &mut tally)?;
    }
    print!("\n{tally}");
    Ok(tally.is_good())
}

/// Sees to the servers that tests start, before anything looks for them. Where one can't be had its tests say so themselves:
/// ignored on a person's machine, failed where `CI` is set.
fn provide_servers() {
    for program in digota_servers::ALL {
        match program.provide() {
            Ok(folder) => println!("{}: {}", program.name, folder.display()),
            Err(missing) => println!("{missing}"),
        }
    }
}

fn heading(name: &str) {
    println!("\n== {name}");
}

fn tidy_row() -> Result<Row> {
    let start = Instant::now();
    let mut row = Row::new("tidy");
    for (check, findings) in tidy::check()? {
        if findings.is_empty() {
            row.passed += 1;
        } else {
            row.fail(check.name);
        }
    }
    row.time = start.elapsed();
    Ok(row)
}
