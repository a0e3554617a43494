//! `digota-load`: a closed-loop load generator, and the bare server that the product is measured against.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person or to xtask")]

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bare;
mod drive;
mod flow;
mod keys;
mod prepare;
mod row;
mod tls;

/// Loads a digota server, or the bare server beside it.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves unary calls that do nothing, over mutual TLS: what the transport alone can do.
    Bare(bare::Options),
    /// Runs one flow against a server and prints its row as JSON.
    Run(drive::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bare(options) => bare::serve(&options).await,
        Command::Run(options) => {
            let row = drive::run(&options).await?;
            println!("{}", serde_json::to_string(&row)?);
            row.judge()
        }
    }
}
