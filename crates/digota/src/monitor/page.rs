//! All numbers on one page, in the text format of Prometheus.

use std::fmt;
use std::sync::Arc;

use digota_core::meter::Spread;
use digota_core::payment::Attempt;
use digota_core::payment::attempt::AttemptState;
use digota_core::port::store::Load;
use digota_core::shop::desk::{Stats, View};
use digota_grpc::calls::{self, Counted};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::registry::Registry;

use super::gateway::{self, Asked};
use super::pen::{Labels, Pen, labels};
use super::process::Process;
use super::{Server, tally};
use crate::doors::{Entrance, Standing};

/// What the page is, for its header.
pub(super) const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many unsettled payments are looked at one by one: the oldest.
const LOOKED_AT: i64 = 1000;

/// Ages by which unsettled payments are counted, in seconds.
const AGES: [i64; 5] = [0, 60, 600, 3600, 86_400];

/// The states that an unsettled payment can be in.
const OPEN: [(AttemptState, &str); 4] = [
    (AttemptState::Sending, "sending"),
    (AttemptState::Pending, "pending"),
    (AttemptState::RequiresAction, "requires_action"),
    (AttemptState::Unknown, "unknown"),
];

/// The page as of now.
pub(super) async fn page(server: &Server) -> Result<String, fmt::Error> {
    let numbers = Numbers::gather(server).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(numbers));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

/// What was gathered.
struct Numbers {
    started: i64,
    /// Seconds since 1970-01-01 UTC.
    now: i64,
    load: Load,
    waiting: usize,
    /// Not finished arriving, and open.
    connections: (usize, usize),
    /// `None` without TLS.
    standing: Option<Arc<Standing>>,
    /// `None` while the store does not answer.
    books: Option<Books>,
}

struct Books {
    stats: Stats,
    open: Vec<Attempt>,
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}

impl Numbers {
    async fn gather(server: &Server) -> Numbers {
        let shop = &server.shop;
        let books = async {
            let stats = shop.stats().await?;
            let open = shop.payments(View::Open, LOOKED_AT, "").await?.0;
            Ok::<_, digota_core::Error>(Books { stats, open })
        };
        let books =
            books.await.inspect_err(|error| tracing::warn!(?error, "metrics without the store's numbers"));
        Numbers {
            started: server.started.seconds(),
            now: shop.now().seconds(),
            load: shop.store().load(),
            waiting: shop.payments_waiting(),
            connections: server.lines.count(),
            standing: server.entrance.as_ref().map(Entrance::standing),
            books: books.ok(),
        }
    }

    fn write(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let version = labels([("version", env!("CARGO_PKG_VERSION"))]);
        pen.gauges("digota_build_info", "The version that runs.", [(version, 1)])?;
        write_calls(pen, &calls::counted())?;
        write_gateways(pen, &gateway::asked())?;
        self.write_payments(pen)?;
        self.write_storage(pen)?;
        self.write_door(pen)?;
        self.write_process(pen)
    }

    fn write_payments(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let name = "digota_payments_waiting";
        pen.gauges(name, "Calls that wait for a payment gateway.", one(self.waiting))?;
        let janitor = tally::janitor_so_far().map(|(outcome, n)| (labels([("outcome", outcome)]), n));
        let help = "Unsettled payments that the janitor looked at.";
        pen.counters("digota_janitor_payments", help, janitor)?;
        let Some(Books { stats, open }) = &self.books else { return Ok(()) };
        let in_state = |state: AttemptState| open.iter().filter(move |attempt| attempt.state == state);
        let age = |attempt: &Attempt| self.now - attempt.created.seconds();
        let by_age = OPEN.iter().flat_map(|(state, name)| {
            AGES.iter().map(move |least| {
                let old = in_state(*state).filter(|attempt| age(attempt) >= *least).count();
                (vec![("state", (*name).to_owned()), ("older_than", least.to_string())], count(old))
            })
        });
        let help = "Unsettled payments by state that are older than so many seconds, of the 1000 oldest.";
        pen.gauges("digota_payments_open", help, by_age)?;
        let oldest = OPEN.iter().filter_map(|(state, name)| {
            in_state(*state).map(age).max().map(|age| (labels([("state", name)]), age.max(0)))
        });
        pen.gauges("digota_payments_oldest_seconds", "Age of the oldest unsettled payment.", oldest)?;
        pen.gauges("digota_payments_unsettled", "All unsettled payments.", one(stats.open))?;
        pen.gauges("digota_payments_review", "Payments that a person should look at.", one(stats.review))
    }

    fn write_storage(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let Load { writes_waiting, reads_waiting, group_sizes, commit_us } = &self.load;
        let queues = [("write", writes_waiting), ("read", reads_waiting)];
        let queues = queues.map(|(name, n)| (labels([("queue", name)]), count(*n)));
        pen.gauges("digota_storage_queue", "Work that waits for the storage.", queues)?;
        let help = "Writes that were committed together.";
        pen.sizes("digota_storage_group_size", help, known(group_sizes))?;
        pen.spans("digota_storage_commit_seconds", "Time per commit of a group.", known(commit_us))?;
        let up = i64::from(self.books.is_some());
        pen.gauges("digota_storage_up", "1 while the storage answers.", [(Labels::new(), up)])?;
        let Some(Books { stats, .. }) = &self.books else { return Ok(()) };
        pen.counters(
            "digota_events",
            "Events so far: the position of the last.",
            [(Labels::new(), stats.events)],
        )?;
        let orders = stats.orders.iter().map(|(status, n)| (labels([("status", status.name())]), count(*n)));
        pen.gauges("digota_orders", "Orders by status.", orders)?;
        let records = [("product", stats.products), ("sku", stats.skus), ("charge", stats.charges)];
        let records = records.map(|(kind, n)| (labels([("kind", kind)]), count(n)));
        pen.gauges("digota_records", "Other records by kind.", records)
    }

    fn write_door(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let open = [("arriving", self.connections.0), ("serving", self.connections.1)];
        let open = open.map(|(phase, n)| (labels([("phase", phase)]), count(n)));
        pen.gauges("digota_connections", "Connections: in their handshake, and open for calls.", open)?;
        let [refused, closed] = tally::connections_so_far()
            .map(|counts| counts.into_iter().map(|(reason, n)| (labels([("reason", reason)]), n)));
        pen.counters("digota_connections_refused", "Connections that were turned away.", refused)?;
        let help = "Connections that the server ended.";
        pen.counters("digota_connections_closed", help, closed)?;
        let Some(standing) = &self.standing else { return Ok(()) };
        let ends = [("server", standing.certificate_ends), ("authority", standing.authority_ends)];
        let ends = ends.map(|(name, end)| (labels([("certificate", name)]), end.as_second()));
        let help = "The last second of the server's certificate, and of the CA that ends first.";
        pen.gauges("digota_certificate_expiry_timestamp_seconds", help, ends)?;
        let reloads = [("renewed", standing.renewed), ("refused", standing.refused)];
        let reloads = reloads.map(|(outcome, n)| (labels([("outcome", outcome)]), n));
        let help = "Changes of certificates and whitelist that were taken up, and that could not be used.";
        pen.counters("digota_reloads", help, reloads)?;
        let help = "What is wrong now with the files of certificates and whitelist.";
        pen.gauges("digota_reload_problems", help, one(standing.problems.len()))
    }

    fn write_process(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let process = Process::read();
        let started = [(Labels::new(), self.started)];
        pen.gauges("process_start_time_seconds", "When the server was started.", started)?;
        let cpu = process.cpu_seconds.map(|n| (Labels::new(), n));
        pen.counters("process_cpu_seconds", "Time on processors, whole seconds.", cpu)?;
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Memory in use.", process.resident_bytes),
            ("process_virtual_memory_bytes", "Address space in use.", process.virtual_bytes),
            ("process_threads", "Threads.", process.threads),
            ("process_open_fds", "Open files and connections.", process.open_files),
            ("process_max_fds", "The most that may be open.", process.most_files),
        ] {
            pen.gauges(name, help, value.map(|n| (Labels::new(), count(n))))?;
        }
        Ok(())
    }
}

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.write(&mut Pen(encoder))
    }
}

fn write_calls(pen: &mut Pen<'_>, calls: &[Counted]) -> fmt::Result {
    let rpc = |call: &Counted| labels([("service", call.service), ("method", call.method)]);
    let ended = calls.iter().flat_map(|call| {
        call.codes.iter().map(move |(code, n)| {
            let mut labels = rpc(call);
            labels.push(("code", calls::code_name(*code).to_owned()));
            (labels, *n)
        })
    });
    pen.counters("digota_rpc_calls", "Calls that were answered, by status code.", ended)?;
    let took = calls.iter().map(|call| (rpc(call), call.took.clone()));
    let help = "Time until calls were answered; until they began, of streams.";
    pen.spans("digota_rpc_duration_seconds", help, took)?;
    let under_way = calls.iter().map(|call| (rpc(call), call.under_way));
    pen.gauges("digota_rpc_in_flight", "Calls that are being answered.", under_way)
}

fn write_gateways(pen: &mut Pen<'_>, asked: &[Asked]) -> fmt::Result {
    let of = |one: &Asked| labels([("provider", one.provider), ("op", one.op)]);
    let outcomes = asked.iter().flat_map(|one| {
        one.outcomes.iter().map(move |(outcome, n)| {
            let mut labels = of(one);
            labels.push(("outcome", (*outcome).to_owned()));
            (labels, *n)
        })
    });
    let help = "Requests to payment gateways, by what came of them.";
    pen.counters("digota_gateway_requests", help, outcomes)?;
    let took = asked.iter().map(|one| (of(one), one.took.clone()));
    pen.spans("digota_gateway_duration_seconds", "Time until payment gateways answered.", took)
}

/// A number without labels.
fn one(n: impl TryInto<i64>) -> [(Labels, i64); 1] {
    [(Labels::new(), count(n))]
}

fn count(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// A spread that a store knows.
fn known(spread: &Spread) -> Option<(Labels, Spread)> {
    (!spread.counts.is_empty()).then(|| (Labels::new(), spread.clone()))
}
