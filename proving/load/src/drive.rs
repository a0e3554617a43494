//! The closed loop: so many workers, each with one call under way at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use http::uri::PathAndQuery;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use crate::bare;
use crate::flow::{Flow, Messages, Reuse};
use crate::keys::Keys;
use crate::prepare::prepare;
use crate::row::{Count, Row};
use crate::tls::Files;
use digota_load::Raw;

/// What to run, where, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    flow: Flow,
    /// The server, as host:port.
    #[arg(long)]
    address: String,
    #[command(flatten)]
    tls: Files,
    /// The name that the server's certificate must carry.
    #[arg(long, default_value = "localhost")]
    server_name: String,
    /// Calls under way at any time.
    #[arg(long, default_value_t = 256)]
    concurrency: usize,
    /// Connections that they share.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long calls are counted.
    #[arg(long, default_value_t = 2000)]
    time_ms: u64,
    /// How long calls run before they are counted.
    #[arg(long, default_value_t = 500)]
    warmup_ms: u64,
    /// Spreads the workers' first calls over this time. Where every call takes as long, they would stay in step.
    #[arg(long, default_value_t = 0)]
    ramp_ms: u64,
    /// Orders to create for a flow that pays them. The run ends early when they are all paid.
    #[arg(long, default_value_t = 20_000)]
    orders: usize,
    /// For the bare flow: the size of a request's message.
    #[arg(long, default_value_t = 400)]
    request_bytes: usize,
    /// For the bare flow: the size of an answer's message.
    #[arg(long, default_value_t = 400)]
    reply_bytes: u32,
    /// For the bare flow: send an idempotency key, as the flow does that it is compared with.
    #[arg(long)]
    keys: bool,
    /// How idempotency keys lie to each other.
    #[arg(long, value_enum, default_value_t)]
    key_order: Keys,
}

/// Runs the flow. The row counts what was answered in time; failures count at any time.
pub(crate) async fn run(options: &Options) -> Result<Row> {
    let channels = connect(options).await?;
    let messages = match options.flow {
        Flow::Bare => {
            Messages::new(vec![bare::request(options.request_bytes, options.reply_bytes)], Reuse::Again)
        }
        flow => prepare(flow, &channels, options.orders).await?,
    };
    let run = Arc::new(Run {
        path: PathAndQuery::from_static(options.flow.path()),
        messages,
        keys: (options.keys || options.flow.writes()).then_some(options.key_order),
        window: Window::new(options),
    });
    let mut workers = JoinSet::new();
    for index in 0..options.concurrency {
        let delay = Duration::from_millis(options.ramp_ms) * u32::try_from(index)?
            / u32::try_from(options.concurrency)?;
        let channel = channels[index % channels.len()].clone();
        workers.spawn(Arc::clone(&run).work(channel, delay));
    }
    let mut count = Count::new();
    while let Some(counted) = workers.join_next().await {
        count.add(counted?);
    }
    Ok(count.row(options.flow.name(), options.concurrency, run.window.length()))
}

async fn connect(options: &Options) -> Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("https://{}", options.address))?;
    let endpoint = endpoint.tls_config(options.tls.client(&options.server_name)?)?;
    let mut channels = vec![];
    for _ in 0..options.connections {
        channels
            .push(endpoint.connect().await.with_context(|| format!("can't connect to {}", options.address))?);
    }
    Ok(channels)
}

/// What the workers share.
struct Run {
    path: PathAndQuery,
    messages: Messages,
    keys: Option<Keys>,
    window: Window,
}

impl Run {
    async fn work(self: Arc<Self>, channel: Channel, delay: Duration) -> Count {
        let mut count = Count::new();
        let mut client = Grpc::new(channel);
        tokio::time::sleep(delay).await;
        while self.window.is_open() {
            let Some(message) = self.messages.next() else {
                self.window.close();
                break;
            };
            self.call(&mut client, message, &mut count).await;
        }
        count
    }

    async fn call(&self, client: &mut Grpc<Channel>, message: bytes::Bytes, count: &mut Count) {
        let request_bytes = message.len();
        let mut request = Request::new(message);
        if let Some(keys) = self.keys {
            request.metadata_mut().insert("idempotency-key", keys.next());
        }
        let sent = Instant::now();
        let answer = match client.ready().await {
            Ok(()) => client.unary(request, self.path.clone(), Raw).await,
            Err(error) => Err(tonic::Status::unavailable(error.to_string())),
        };
        let answered = Instant::now();
        match answer {
            Ok(reply) if self.window.counts(answered) => {
                count.answered(answered - sent, request_bytes, reply.get_ref().len());
            }
            Ok(_) => {}
            Err(status) => count.failed(format!("{}: {}", status.code(), status.message())),
        }
    }
}

/// When calls are counted.
struct Window {
    start: Instant,
    /// When it ends, in nanoseconds after its start.
    length_ns: AtomicU64,
}

impl Window {
    fn new(options: &Options) -> Self {
        let start = Instant::now() + Duration::from_millis(options.warmup_ms + options.ramp_ms);
        Self { start, length_ns: AtomicU64::new(options.time_ms * 1_000_000) }
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(self.length_ns.load(Ordering::Relaxed))
    }

    fn is_open(&self) -> bool {
        Instant::now() < self.start + self.length()
    }

    fn counts(&self, answered: Instant) -> bool {
        answered >= self.start && answered < self.start + self.length()
    }

    /// Ends it now, if it has not ended.
    fn close(&self) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.length_ns.fetch_min(now, Ordering::Relaxed);
    }
}
