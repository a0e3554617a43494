//! `digota-faults`: breaks a running digota on purpose, and judges what is left from records that are not its own.
//!
//! - [`world`], [`process`], [`nodes`]: digotas and a sandbox, each a process of its own. [`crowd`], [`client`], [`payer`],
//!   [`follower`]: who calls.
//! - [`books`]: what the store holds, read without its code. Whether all records fit together is for [`digota_oracle`] to say.
//! - [`kill`], [`rolling`], [`hot`]: the harnesses. [`report`]: what they print and keep.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person")]

mod books;
mod client;
mod crowd;
mod follower;
mod hot;
mod kill;
mod market;
mod nodes;
mod payer;
mod process;
mod report;
mod rolling;
mod tally;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// As the server's: the clients share its processors, and what they take it lacks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Breaks a running digota on purpose, and judges what is left.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills the server at random moments under concurrent payers
    Kill(kill::Options),
    /// Replaces nodes of an earlier digota one by one, under concurrent payers, on PostgreSQL
    Rolling(rolling::Options),
    /// Sells one SKU to many payers at once, until it is sold out
    Hot(hot::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let verdict = match Cli::parse().command {
        Command::Kill(options) => kill::run(&options).await,
        Command::Rolling(options) => rolling::run(&options).await,
        Command::Hot(options) => hot::run(&options).await,
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digota-faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}
