//! Serving: open the shop, listen, look after unfinished payments, and end in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use digota_core::shop::Shop;
use digota_grpc::gate::GateLayer;
use digota_grpc::{Edge, Limits};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::config::{Settings, Sources};
use crate::doors::{self, Entrance, Open};
use crate::logging::Verbosity;
use crate::tls::{self, Listener};
use crate::{logging, wiring};

/// How long clients have to notice that the server is about to stop.
const NOTICE: Duration = Duration::from_millis(200);

/// How long calls under way may take once the server stops.
const DRAIN: Duration = Duration::from_secs(25);

/// How long what is not a payment may still take once no payment is under way.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How often the janitor looks for payments whose outcome is not known.
const JANITOR_PAUSE: Duration = Duration::from_millis(500);

/// After how many of the janitor's rounds old keys and operation ids are dropped.
const PURGE_EVERY: u32 = 1200;

/// Serves until SIGTERM or Ctrl-C. `ready` is told the address once clients can call.
pub(crate) fn run(
    sources: Sources,
    verbosity: Verbosity,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let settings = sources.clone().load()?.settings;
    logging::init(verbosity, &settings.log);
    runtime()?.block_on(async {
        let running = Running::start(settings.clone()).await?;
        tokio::spawn(doors::follow(running.entrance.clone(), settings, sources, running.stop.clone()));
        ready(running.address);
        stop_signal().await?;
        running.stop().await
    })
}

/// The runtime that servers run on: a worker per core.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C")?,
    }
    Ok(())
}

/// A server that is up.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    /// What is in force at the door; `None` without TLS.
    entrance: Option<Entrance>,
    edge: Edge,
    health: tonic_health::server::HealthReporter,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    janitor: JoinHandle<()>,
}

impl Running {
    /// Opens the shop and listens. Returns once clients can call.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Running> {
        let entrance = Entrance::open(&settings)?;
        let socket = tls::bind(&settings.address)
            .await
            .with_context(|| format!("cannot listen on {}", settings.address))?;
        let shop = Arc::new(wiring::shop(&settings).await?);
        let doors = entrance.as_ref().map_or_else(|| Arc::new(Open::new()) as Arc<_>, Entrance::doors);
        let edge = Edge { shop: Arc::clone(&shop), doors, tasks: TaskTracker::new() };
        let connections = settings.limits.connections_max;
        let listener = match &entrance {
            Some(entrance) => Listener::tls(socket, entrance.credentials(), connections)?,
            None => {
                tracing::warn!(address = %settings.address, "insecure: no TLS, and everybody may do everything");
                Listener::plain(socket, connections)?
            }
        };
        let address = listener.local_addr();
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_service_status("", ServingStatus::Serving).await;
        let limits = Limits {
            in_flight_max: settings.limits.in_flight_max,
            request_bytes_max: settings.limits.message_bytes_max,
        };
        let routes = digota_grpc::routes(edge.clone(), &limits)?.add_service(health_service);
        let stop = CancellationToken::new();
        let server = Server::builder()
            .max_concurrent_streams(100)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .layer(GateLayer::new(Arc::clone(&edge.doors), &limits))
            .add_routes(routes);
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(server.serve_with_incoming_shutdown(listener, stopped));
        let janitor = tokio::spawn(look_after(shop, stop.clone()));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
        Ok(Running { address, stop, entrance, edge, health, serving, janitor })
    }

    /// Stops in good order: takes no more calls, ends those under way and every payment of its own, closes the storage.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping");
        self.health.set_service_status("", ServingStatus::NotServing).await;
        tokio::time::sleep(NOTICE).await;
        self.stop.cancel();
        let Running { edge, mut serving, janitor, .. } = self;
        edge.tasks.close();
        let drained = async {
            loop {
                edge.tasks.wait().await;
                let ended = tokio::time::timeout(LAST_WORDS, &mut serving).await;
                if ended.is_ok() || edge.tasks.is_empty() {
                    return ended.ok();
                }
            }
        };
        match tokio::time::timeout(DRAIN, drained).await {
            Ok(Some(served)) => {
                served.context("the server ended badly")?.context("the server ended badly")?
            }
            // Only streams that clients would have to end, such as a watch of the health.
            Ok(None) => serving.abort(),
            Err(_) => {
                tracing::warn!(
                    "calls were still under way; what they left unfinished is finished at the next start"
                );
                serving.abort();
            }
        }
        janitor.await.context("the janitor ended badly")?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The janitor's day: what another process left unfinished first, then what comes up.
async fn look_after(shop: Arc<Shop>, stop: CancellationToken) {
    report(shop.adopt_orphans().await);
    let (mut rounds, mut purging) = (0u32, false);
    while stop.run_until_cancelled(tokio::time::sleep(JANITOR_PAUSE)).await.is_some() {
        report(shop.janitor_round().await);
        rounds = rounds.wrapping_add(1);
        purging |= rounds.is_multiple_of(PURGE_EVERY);
        if purging {
            // A bite in each round until nothing is left, so that payments never wait for a long one.
            let dropped = shop.purge().await;
            purging = dropped.as_ref().is_ok_and(|dropped| *dropped > 0);
            if let Err(error) = dropped {
                tracing::warn!(?error, "could not drop old keys and operation ids");
            }
        }
    }
}

fn report(round: digota_core::Result<digota_core::shop::janitor::Round>) {
    match round {
        Ok(round) if round.looked > 0 => tracing::info!(
            looked = round.looked,
            settled = round.settled,
            failed = round.failed,
            "looked after unfinished payments"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(?error, "could not look after unfinished payments"),
    }
}
