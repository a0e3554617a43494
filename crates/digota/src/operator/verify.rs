//! `digota verify`: judges what a storage holds.

use std::io::{self, Write};

use anyhow::{Context, bail};
use digota_verify::{Report, Rule, rule};
use serde_json::json;

use super::storage::Which;
use crate::config::Sources;
use crate::serve::runtime;

/// `digota verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It reads everything and changes nothing, also while nodes serve. What is wrong is named by rule and by \
                        id, and the command fails. Payments under way are not wrong."
)]
pub(crate) struct Verify {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// List the rules, and read nothing
    #[arg(long, conflicts_with = "json")]
    rules: bool,
    #[command(flatten)]
    which: Which,
}

impl Verify {
    /// Does it. Fails if anything is wrong.
    pub(crate) fn run(self, sources: Sources) -> anyhow::Result<()> {
        if self.rules {
            return list();
        }
        let (config, name) = self.which.config(sources)?;
        let report = runtime()?.block_on(async {
            let store = digota_storage::open_read_only(&config).await.context("nothing was verified")?;
            digota_verify::verify(&*store).await.with_context(|| format!("can't read {name}"))
        })?;
        if self.json {
            as_json(&name, &report)?
        } else {
            as_text(&name, &report)?
        }
        match report.violations.len() {
            0 => Ok(()),
            1 => bail!("{name} breaks a rule in one place"),
            n => bail!("{name} breaks rules in {n} places"),
        }
    }
}

fn list() -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for Rule { id, name, says } in rule::STORE {
        writeln!(out, "{id:<3} {name:<24} {says}")?;
    }
    Ok(())
}

fn as_text(name: &str, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for violation in &report.violations {
        writeln!(out, "{violation}")?;
    }
    let Report { orders, charges, attempts, open, skus, movements, events, .. } = report;
    writeln!(
        out,
        "{name}: {orders} orders, {charges} charges, {attempts} payment attempts of which {open} under way, \
         {skus} stocked SKUs with {movements} movements, {events} events"
    )?;
    if report.violations.is_empty() {
        writeln!(out, "all {} rules hold", rule::STORE.len())?;
    }
    Ok(())
}

fn as_json(name: &str, report: &Report) -> io::Result<()> {
    let violations: Vec<_> = report
        .violations
        .iter()
        .map(|violation| {
            let Rule { id, name, says } = violation.rule;
            json!({ "rule": id, "name": name, "says": says, "about": violation.about, "how": violation.how })
        })
        .collect();
    let report = json!({
        "storage": name,
        "orders": report.orders,
        "charges": report.charges,
        "attempts": report.attempts,
        "open": report.open,
        "skus": report.skus,
        "movements": report.movements,
        "events": report.events,
        "rules": rule::STORE.len(),
        "violations": violations,
    });
    writeln!(io::stdout(), "{report}")
}
