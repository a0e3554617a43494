//! The sandbox as a configured gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use digota_core::port::{Clock, Gateway};
use serde::Deserialize;

use super::{Options, Sandbox, remote};
use crate::executor::Limits;
use crate::OpenError;

/// What the configuration says about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Where it answers; without it, it runs inside this process.
    url: Option<String>,
    /// The file of its record, inside this process.
    journal: Option<PathBuf>,
    /// How long it takes, inside this process.
    delay_ms: u64,
    /// The longest that a call may take.
    total_limit_ms: u64,
    /// The most calls at a time.
    concurrent: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { url: None, journal: None, delay_ms: 0, total_limit_ms: 30_000, concurrent: None }
    }
}

/// Opens the sandbox as its settings say.
pub(crate) fn open(settings: serde_json::Value, clock: Arc<dyn Clock>) -> Result<Arc<dyn Gateway>, OpenError> {
    let settings: Settings = serde_json::from_value(settings)?;
    let limits = Limits {
        total: Duration::from_millis(settings.total_limit_ms),
        concurrent: settings.concurrent,
    };
    if let Some(url) = &settings.url {
        return Ok(remote(url, limits)?);
    }
    let options = Options {
        delay: Duration::from_millis(settings.delay_ms),
        journal: settings.journal,
        ..Options::new(clock)
    };
    Ok(Sandbox::open(options)?.gateway(limits))
}
