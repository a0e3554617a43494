//! The sandbox as a configured gateway.

use std::io;
use std::net::SocketAddr;
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
    /// Where a sandbox inside this process serves its own HTTP face as well, so that buyers can pass challenges.
    listen: Option<SocketAddr>,
    /// How long it takes, inside this process.
    delay_ms: u64,
    /// The longest that a call may take.
    total_limit_ms: u64,
    /// The most calls at a time.
    concurrent: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { url: None, journal: None, listen: None, delay_ms: 0, total_limit_ms: 30_000, concurrent: None }
    }
}

/// Opens the sandbox as its settings say. One that listens must be opened within a runtime.
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
    let sandbox = Sandbox::open(options)?;
    if let Some(address) = settings.listen {
        listen(&sandbox, address)?;
    }
    Ok(sandbox.gateway(limits))
}

/// Serves until the process ends.
fn listen(sandbox: &Sandbox, address: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    sandbox.engine().reached_at(&format!("http://{}", listener.local_addr()?));
    let sandbox = sandbox.clone();
    runtime.spawn(async move {
        if let Err(error) = sandbox.serve(listener, std::future::pending()).await {
            tracing::error!(%error, "the sandbox has stopped listening");
        }
    });
    Ok(())
}
