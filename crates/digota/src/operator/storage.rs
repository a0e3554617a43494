//! The storage that a command reads by itself.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::config::Sources;
use crate::wiring;

/// Which storage to read
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Which {
    /// A database file of digota, such as a backup; without it the storage of the settings
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
}

impl Which {
    /// The storage, and how to call it for people.
    pub(super) fn config(self, sources: Sources) -> anyhow::Result<(digota_storage::Config, String)> {
        if let Some(file) = self.database {
            let name = file.display().to_string();
            let address = vec![name.clone()];
            let config = digota_storage::Config { handler: "sqlite".into(), address, ..Default::default() };
            return Ok((config, name));
        }
        // Of a server's settings only these matter here.
        let (loaded, problems) = sources.inspect();
        if let Some(problem) = problems.0.iter().find(|problem| problem.key.starts_with("storage")) {
            return Err(anyhow!("{problem}"));
        }
        let config = wiring::storage(&loaded.settings);
        let name = match config.handler.as_str() {
            "sqlite" => digota_storage::sqlite::path(&config).display().to_string(),
            other => format!("the {other} storage"),
        };
        Ok((config, name))
    }
}
