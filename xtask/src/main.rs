//! The project's own chores: `cargo xtask test | tidy | bench | dist | prove | rolling`.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod dist;
mod prove;
mod repo;
mod rolling;
mod test;
mod tidy;

/// The project's own chores.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test: tidy, the Rust workspace, the Python clients.
    Test(test::Options),
    /// Checks what the compiler does not: headers, crate fences, promises without a case, leftovers, links.
    Tidy,
    /// Measures the server beside a bare tonic call in the same run, and holds the ratios against their floors.
    Bench(bench::Options),
    /// Builds the server as it is shipped: by what a rehearsal showed it to be busy with.
    Dist(dist::Options),
    /// Tries to break the shop for ten minutes or for hours, and adds to what all runs came to.
    Prove(prove::Options),
    /// Restarts nodes of an earlier digota one by one as this one, under payers, on PostgreSQL.
    Rolling(rolling::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Tidy => tidy::run(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Dist(options) => dist::run(&options),
        Chore::Prove(options) => prove::run(&options),
        Chore::Rolling(options) => rolling::run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
