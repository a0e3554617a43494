//! Serving: open the shop, listen, look after unfinished payments, and end in good order.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use digota_core::shop::Shop;
use digota_grpc::gate::GateLayer;
use digota_grpc::{Crowd, Edge, Limits, Rates};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::ServingStatus;

use crate::config::{self, Settings, Sources};
use crate::doors::{self, Entrance, Open};
use crate::lines::{self, Front, Listening};
use crate::logging::Verbosity;
use crate::monitor::{self, Monitor, tally};
use crate::node::This;
use crate::{logging, rest, wiring};

/// How long connections may take to end once no call is under way.
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
        // Before anybody can know that it serves: a signal that nobody waits for ends the process.
        let mut signals = Signals::catch()?;
        let hangups = signal(SignalKind::hangup()).context("cannot wait for signals")?;
        let running = Running::start(settings.clone()).await?;
        let (entrance, stop) = (running.entrance.clone(), running.stop.clone());
        tokio::spawn(doors::follow(entrance, settings, sources, hangups, stop));
        ready(running.address);
        signals.next().await;
        tokio::select! {
            biased;
            stopped = running.stop() => stopped,
            () = signals.next() => at_once(),
        }
    })
}

/// What an operator who has no more patience gets. What is lost by it is what a crash would lose: nothing that was answered.
fn at_once() -> ! {
    tracing::warn!(
        "told to stop again: stopping at once; what is left unfinished is finished at the next start"
    );
    std::process::exit(1)
}

/// The runtime that servers run on. Their connections have [threads](crate::lines::Threads) of their own, one per core: what is left is
/// done by half as many.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(cores.div_ceil(2)).enable_all().on_thread_park(digota_heap::at_rest);
    builder.build().context("cannot start threads")
}

/// The ways in which a person or a supervisor says stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Signals> {
        let catch = |kind| signal(kind).context("cannot wait for signals");
        Ok(Signals { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A server that is up.
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    settings: config::Stop,
    stop: CancellationToken,
    /// What is in force at the door; `None` without TLS.
    entrance: Option<Entrance>,
    tasks: TaskTracker,
    crowd: Arc<Crowd>,
    health: tonic_health::server::HealthReporter,
    listening: Listening,
    janitor: JoinHandle<()>,
    monitor: Option<Monitor>,
}

impl Running {
    /// Opens the shop and listens. Returns once clients can call.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Running> {
        let entrance = Entrance::open(&settings)?;
        let socket = lines::bind(&settings.address)
            .await
            .with_context(|| format!("cannot listen on {}", settings.address))?;
        let shop = Arc::new(wiring::shop(&settings).await?);
        let doors = entrance.as_ref().map_or_else(|| Arc::new(Open::new()) as Arc<_>, Entrance::doors);
        let edge = Edge { shop: Arc::clone(&shop), doors, tasks: TaskTracker::new() };
        if entrance.is_none() {
            tracing::warn!(address = %settings.address, "insecure: no TLS, and everybody may do everything");
        }
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_service_status("", ServingStatus::Serving).await;
        let limits = limits(&settings.limits);
        let started = shop.now();
        let node = Arc::new(This::new(started, wiring::storage(&settings)));
        let services = digota_grpc::all_services(edge.clone(), node, &limits)?.with(health_service);
        let crowd = Crowd::new(limits, Arc::clone(shop.clock()));
        let gate = GateLayer::new(Arc::clone(&edge.doors), Arc::clone(&crowd));
        let tls = entrance.as_ref().map(Entrance::credentials);
        let front = Front { gate, services, doors: edge.doors, tls };
        let listening = Listening::start(socket, front, settings.limits)?;
        let (address, stop) = (listening.address, CancellationToken::new());
        let monitor = match &settings.monitor.address {
            Some(address) => {
                let (shop, entrance, lines) = (Arc::clone(&shop), entrance.clone(), listening.lines());
                let server = monitor::Server { shop, entrance, lines, started };
                Some(Monitor::start(address, server).await?)
            }
            None => None,
        };
        let node_id = shop.node();
        let janitor = tokio::spawn(look_after(shop, stop.clone()));
        tokio::spawn(rest::give_back(Arc::clone(&crowd), listening.threads().clone(), stop.clone()));
        tracing::info!(%address, node = %node_id, version = env!("CARGO_PKG_VERSION"), "serving");
        Ok(Running {
            address,
            settings: settings.stop,
            stop,
            entrance,
            tasks: edge.tasks,
            crowd,
            health,
            listening,
            janitor,
            monitor,
        })
    }

    /// Stops in good order: takes no more calls, ends those under way and every payment of its own, closes the storage.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping");
        self.monitor.iter().for_each(Monitor::drain);
        self.health.set_service_status("", ServingStatus::NotServing).await;
        tokio::time::sleep(Duration::from_millis(self.settings.notice_ms)).await;
        self.stop.cancel();
        self.listening.leave();
        let drain = Duration::from_millis(self.settings.drain_ms);
        if tokio::time::timeout(drain, self.drained()).await.is_err() {
            tracing::warn!(
                "calls were still under way; what they left unfinished is finished at the next start"
            );
        }
        let threads = self.listening.threads().clone();
        drop(self.listening);
        let looked_after = self.janitor.await;
        // Last: whoever came first to a gateway has on its thread what moves the bytes of all.
        threads.end().await;
        looked_after.context("the janitor ended badly")?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Returns once no call is under way but those that clients would have to end, such as a watch of the health.
    async fn drained(&self) {
        self.tasks.close();
        loop {
            self.tasks.wait().await;
            let ended = tokio::time::timeout(LAST_WORDS, self.listening.ended()).await;
            if ended.is_ok() || (self.tasks.is_empty() && self.crowd.is_idle()) {
                return;
            }
        }
    }
}

/// What the settings mean for the edge.
fn limits(settings: &config::Limits) -> Limits {
    Limits {
        in_flight_max: settings.in_flight_max,
        in_flight_reserve: settings.in_flight_reserve,
        streams_max: settings.streams_max,
        streams_per_client_max: settings.streams_per_client_max,
        connections_per_client_max: settings.connections_per_client_max,
        request_bytes_max: settings.message_bytes_max,
        request_time: Duration::from_millis(settings.request_timeout_ms),
        read_time: Duration::from_millis(settings.read_timeout_ms),
        rates: Rates {
            create: settings.create_per_second,
            pay: settings.pay_per_second,
            refund: settings.refund_per_second,
        },
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
    round.iter().for_each(tally::janitor);
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
