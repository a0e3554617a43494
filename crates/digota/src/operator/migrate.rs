//! `digota migrate`: brings the storage to the schema of this digota.

use std::io::{self, Write};

use anyhow::Context;

use super::storage::Which;
use crate::config::Sources;
use crate::serve::runtime;

/// `digota migrate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A server does the same when it starts: this is for those who want to see it done, and when. Stop the \
                        node first. Back up before: a storage that was migrated is not opened by an earlier digota any more."
)]
pub(crate) struct Migrate {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    which: Which,
}

impl Migrate {
    /// Does it.
    pub(crate) fn run(self, sources: Sources) -> anyhow::Result<()> {
        let (config, name) = self.which.config(sources)?;
        runtime()?.block_on(async {
            let digota_storage::Schema { found, needed } =
                digota_storage::schema(&config).await.context("nothing was migrated")?;
            let mut out = io::stdout();
            if found == needed {
                writeln!(out, "{name} has schema {found}, which is what this digota needs: nothing to do")?;
            } else if self.dry_run {
                writeln!(out, "{name} would be migrated from schema {found} to {needed}")?;
            } else {
                drop(digota_storage::open(&config).await.context("nothing was migrated")?);
                writeln!(out, "{name} was migrated from schema {found} to {needed}")?;
            }
            Ok(())
        })
    }
}
