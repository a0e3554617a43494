//! One run of the load generator.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::build::Programs;
use super::database::Database;
use super::pgbench;
use super::plan::{Plan, Rounds};
use super::stage::{End, Stage};

/// What a run showed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Measured {
    pub(super) rps: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) request_bytes: u64,
    pub(super) reply_bytes: u64,
}

/// A row's runs.
pub(super) struct Load<'a> {
    pub(super) plan: &'a Plan,
    pub(super) rounds: &'a Rounds,
    pub(super) programs: &'a Programs,
    pub(super) stage: &'a Stage,
    pub(super) database: &'a Database<'a>,
}

impl Load<'_> {
    /// Runs the flow against the server.
    pub(super) fn product(&self, address: &str) -> Result<Measured> {
        let mut command = self.command(self.plan.flow, address);
        // Where each call takes as long as the gateway, workers that start together stay together.
        command.arg(format!("--ramp-ms={}", self.plan.gateway_ms));
        run(command.arg(format!("--orders={}", self.plan.orders(self.rounds))))
    }

    /// Runs calls of the same sizes against the bare server.
    pub(super) fn bare(&self, address: &str, product: &Measured) -> Result<Measured> {
        let mut command = self.command("bare", address);
        command.arg(format!("--request-bytes={}", product.request_bytes));
        command.arg(format!("--reply-bytes={}", product.reply_bytes));
        if self.plan.keys {
            command.arg("--keys");
        }
        run(&mut command)
    }

    /// Has PostgreSQL alone do what the flow needs of it, if the shop is kept there; transactions per second.
    pub(super) fn pgbench(&self, round: u32) -> Result<Option<f64>> {
        match self.database {
            Database::Postgresql { server, name } if pgbench::is_there(server) => {
                pgbench::run(server, name, self.plan.flow, (round, self.rounds), self.stage).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn command(&self, flow: &str, address: &str) -> Command {
        let mut command = Command::new(&self.programs.load);
        command.args(["run", "--flow", flow, "--address", address]).args(self.stage.tls(End::Client));
        command.arg(format!("--concurrency={}", self.plan.concurrency));
        command.arg(format!("--time-ms={}", self.rounds.time_ms));
        command.arg(format!("--warmup-ms={}", self.rounds.warmup_ms));
        command
    }
}

fn run(command: &mut Command) -> Result<Measured> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the load generator ended with {}: {}", output.status, String::from_utf8_lossy(&output.stdout));
    }
    serde_json::from_slice(&output.stdout).context("the load generator's row can't be read")
}
