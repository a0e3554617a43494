//! `digota doctor`: looks at all that a server needs, changes nothing, and says how to mend what is wrong.
//!
//! - [`patient`]: what is looked at. Each of [`settings`], [`door`], [`clients`], [`port`], [`storage`], [`lock`],
//!   [`gateways`], [`clock`] and [`limits`] is one check of it. [`folder`] and [`process`]: what several of them ask.
//! - [`finding`]: what a check says. [`report`]: how that is printed.

mod clients;
mod clock;
mod door;
mod finding;
mod folder;
mod gateways;
mod known;
mod limits;
mod lock;
mod patient;
mod port;
mod process;
mod report;
mod settings;
mod storage;

use std::io;
use std::path::PathBuf;

use anyhow::bail;

use crate::config::Sources;
use crate::serve;
use finding::{Check, Level};
use patient::Patient;

/// `digota doctor`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    after_help = "Looks at settings, certificates, whitelist, port, storage, lock, gateways, clock and limits, before a server is
started or while it runs, and changes nothing. Run it as the user that the server runs as, in the same folder and with
the same variables. The exit code is 1 if something is wrong, and 0 if there are warnings at most.

Examples:
  digota doctor
  digota doctor --client certs/shop.crt     would this client be let in?
  digota doctor --json                      for programs: each finding with level, about, what, why and fix"
)]
pub(crate) struct Doctor {
    /// A client's certificate: would it be let in, and as whom? May be given more than once
    #[arg(long = "client", value_name = "FILE")]
    clients: Vec<PathBuf>,
    /// Print one JSON document, for programs
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints what is wrong. Fails if that keeps a server from starting or from working.
    pub(crate) fn run(self, sources: Sources) -> anyhow::Result<()> {
        let patient = Patient::of(sources, self.clients);
        let checks = serve::runtime()?.block_on(examine(&patient));
        match self.json {
            true => report::json(&checks, &mut io::stdout().lock())?,
            false => report::text(&checks, &mut io::stdout().lock())?,
        }
        match finding::count(&checks, Level::Error) {
            0 => Ok(()),
            1 => bail!("one thing must be mended"),
            many => bail!("{many} things must be mended"),
        }
    }
}

/// Every check, in the order in which a server would stumble.
async fn examine(patient: &Patient) -> Vec<Check> {
    let storage = storage::look(patient).await;
    let gateways = gateways::ask(patient).await;
    vec![
        settings::check(patient),
        door::check(patient),
        clients::check(patient),
        port::check(patient, &storage).await,
        storage::check(patient, &storage),
        lock::check(patient).await,
        gateways::check(patient, &gateways),
        clock::check(patient, &storage, &gateways),
        limits::check(patient),
    ]
}
