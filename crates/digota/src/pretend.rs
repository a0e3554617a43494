//! `digota sandbox`: the pretend gateway as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use digota_gateway::sandbox::{self, Options};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::serve;
use crate::system::SystemClock;

/// `digota sandbox`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A server uses it where its account says `provider = \"sandbox\"` and `address = \"http://127.0.0.1:3052\"`.
Without an address a server has a sandbox inside, which ends with it."
)]
pub(crate) struct Pretend {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3052", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// The file that keeps its record of what it did; without it the record ends with the process
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// How long a request that moves money takes until it is answered, in milliseconds
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_ms: u64,
    /// The effect happens at a random moment of this many milliseconds
    #[arg(long, default_value_t = 0, value_name = "MS")]
    effect_jitter_ms: u64,
    /// The share of requests that are lost without an effect, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    lose_before: f64,
    /// The share of answers that are lost after the effect, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    lose_after: f64,
    /// Where chance starts
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Pretend {
    /// Serves until SIGTERM or Ctrl-C.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        serve::runtime()?.block_on(async {
            let listener = TcpListener::bind(self.listen)
                .await
                .with_context(|| format!("cannot listen on {}", self.listen))?;
            tracing::info!(address = %listener.local_addr()?, "the sandbox is serving; no real money moves");
            let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
            let stopped = async move {
                tokio::select! {
                    biased;
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            };
            Ok(sandbox::serve(listener, self.options(), stopped).await?)
        })
    }

    fn options(&self) -> Options {
        Options {
            journal: self.journal.clone(),
            delay: Duration::from_millis(self.delay_ms),
            effect_jitter: Duration::from_millis(self.effect_jitter_ms),
            lose_before: self.lose_before,
            lose_after: self.lose_after,
            seed: self.seed,
            ..Options::new(Arc::new(SystemClock))
        }
    }
}
