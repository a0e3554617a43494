//! `digota-storm`: attacks and overloads a running digota while honest clients keep calling, and judges how they fare.
//!
//! - [`world`]: a digota with certificates. [`pulse`]: what its process holds. [`honest`]: who must not notice.
//! - [`attacks`]: what comes in, each a process of its own. [`line`], [`frames`]: TLS and HTTP/2 by hand.
//! - [`storm`], [`overload`]: the two tests; [`call`]: what the second is made of, [`effort`]: who did how much. [`report`]: what they print and keep.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person")]

mod attacks;
mod call;
mod effort;
mod frames;
mod honest;
mod line;
mod overload;
mod pulse;
mod report;
mod storm;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Attacks and overloads a running digota, and judges how honest clients fare.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs attacks one after another and all together, while honest clients keep calling
    Attack(storm::Options),
    /// Asks ten times what the server can serve
    Overload(overload::Options),
    /// One attack on a server that runs: what `attack` starts as a process of its own
    #[command(hide = true)]
    Assail(attacks::Order),
}

#[tokio::main]
async fn main() -> ExitCode {
    // A second call would do nothing; there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let verdict = match Cli::parse().command {
        Command::Attack(options) => storm::run(&options).await,
        Command::Overload(options) => overload::run(&options).await,
        Command::Assail(order) => attacks::assail(&order).await,
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digota-storm: {error:#}");
            ExitCode::FAILURE
        }
    }
}
