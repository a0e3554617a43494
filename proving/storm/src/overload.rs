//! Overload: ten times what the server can serve, asked whether it answers or not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use clap::Args;
use hdrhistogram::Histogram;
use http::uri::PathAndQuery;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::call::What;
use crate::effort::Effort;
use crate::honest::{Market, latencies, order, record};
use crate::pulse::Pulse;
use crate::report;
use crate::world::World;
use digota_load::Raw;

/// The least share of the peak that must be served in an overload, in per cent.
const GOODPUT_MIN: u64 = 80;
/// The share of calls that clients may hold back, in per cent; otherwise it was less than it should be.
const HELD_BACK_MAX: u64 = 5;
/// How long a refusal may take, but for one in a hundred.
const REFUSAL_MAX: Duration = Duration::from_millis(50);
/// How soon after an overload calls must be answered as before it.
const RECOVERY_MAX: Duration = Duration::from_secs(10);
/// How much more of a processor others may have in an overload than before it, in per cent: else it was no measurement.
const OTHERS_MAX: u64 = 10;
/// How much more memory the server may hold in an overload, in KiB.
const MORE_MEMORY_KIB: u64 = 512 * 1024;
/// The largest reply that a client takes.
const REPLY_MAX: usize = 16 << 20;
/// Calls that a client has under way on a connection; others it keeps to itself, as HTTP/2 tells it to.
const CALLS_PER_CONNECTION: usize = 100;
/// Calls that go over one connection before it is the next one's turn: those who call too much call in bursts.
const BURST: usize = 8;
/// How often the server's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a client waits.
const DEADLINE: Duration = Duration::from_secs(20);

/// `digota-storm overload`.
#[derive(Args)]
pub(crate) struct Options {
    /// What is called
    #[arg(long, value_enum, default_value_t = What::List)]
    call: What,
    /// How many times the peak is asked
    #[arg(long, default_value_t = 10)]
    times: u64,
    /// Where this machine can't ask so much beside the server, asks as much as it can and says how much that was
    #[arg(long)]
    best_effort: bool,
    /// How long the peak is measured, and how long the overload lasts, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Calls at once where the peak is measured
    #[arg(long)]
    at_once: Option<usize>,
    /// Connections; a client may have 64
    #[arg(long, default_value_t = 48)]
    connections: usize,
    /// Orders to list
    #[arg(long, default_value_t = 1000)]
    orders: usize,
    /// Judges what was answered and what was left behind, and not how long it took
    #[arg(long)]
    counts_only: bool,
    /// Lines for the top of the server's settings
    #[arg(long, default_value = "")]
    settings: String,
    /// The digota to overload; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Overloads, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let (lines, gateway) = options.call.server();
    let world = World::start(options.bin.as_deref(), &format!("{lines}{}", options.settings), gateway)?;
    let market = Market::open(&world.channel()?).await?;
    let channels: Vec<Channel> = (0..options.connections).map(|_| world.channel()).collect::<Result<_>>()?;
    for n in 0..options.orders {
        order(channels[n % channels.len()].clone(), &market.skus[0]).await?;
    }
    let (path, message) = (options.call.path(), options.call.message(&market.skus[0]));
    let crowd = Arc::new(Crowd { path, message, channels, next: AtomicUsize::new(0) });
    let at_once = options.at_once.unwrap_or(options.call.at_once());
    let seconds = Duration::from_secs(options.seconds);
    let quiet = crowd.latency().await?;
    let effort = Effort::begin(world.pid())?;
    let first = crowd.closed(at_once, seconds).await? / options.seconds;
    ensure!(first > 0, "nothing was served");
    let at_peak = effort.end()?;
    println!("peak: {first} calls/s with {at_once} at once; one call alone takes {quiet:?}; {at_peak}");
    let before = Pulse::of(world.pid())?;
    let effort = Effort::begin(world.pid())?;
    let seen = crowd.open(first * options.times, seconds, world.pid()).await?;
    let effort = effort.end()?;
    let recovered = crowd.recovery(quiet * 3).await;
    // On a machine that others use too, what can be served changes from one half minute to the next.
    let again = Effort::begin(world.pid())?;
    let peak = u64::midpoint(first, crowd.closed(at_once, seconds).await? / options.seconds);
    let at_peak = at_peak.with(&again.end()?);
    let found = Found { before, peak, left: at_peak.left_in(&effort), seen, recovered };
    let line = found.json(options);
    report::row("overload", &line);
    println!("in the overload: {effort}");
    report::keep("overload.jsonl", line)?;
    drop(crowd);
    println!("stopped in {:?}", world.stop()?);
    let mut complaints = found.complaints();
    if !options.counts_only {
        complaints.extend(found.complaints_of_speed(options));
        let others = effort.others.saturating_sub(at_peak.others);
        if others > OTHERS_MAX {
            let others = format!("others had {others} % of a processor more than before");
            complaints.push(format!("NOT QUIET: {others}: measure again"));
        }
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("; "));
    println!("it bent, and did not break");
    Ok(())
}

/// What came out.
struct Found {
    before: Pulse,
    /// Calls a second before and after the overload.
    peak: u64,
    /// How much of the processors that it had at the peak clients and others left to the server, in per cent.
    left: u64,
    seen: Overload,
    recovered: Option<Duration>,
}

impl Found {
    fn goodput(&self, seconds: u64) -> u64 {
        self.seen.served / seconds
    }

    /// What was served of what the server serves on the processors that were left to it, in per cent.
    fn share(&self, seconds: u64) -> u64 {
        self.goodput(seconds) * 10_000 / (self.peak * self.left)
    }

    fn refusal(&self, quantile: f64) -> u64 {
        self.seen.refusals.value_at_quantile(quantile)
    }

    fn json(&self, options: &Options) -> Value {
        let Found { before, peak, left, seen, recovered } = self;
        let (sent, goodput) =
            ((seen.asked - seen.held_back) / options.seconds, self.goodput(options.seconds));
        json!({
            "peak_per_second": peak, "asked": seen.asked, "sent_per_second": sent,
            "sent_percent_of_peak": sent * 100 / peak, "goodput_per_second": goodput,
            "goodput_percent": goodput * 100 / peak, "processors_left_percent": left,
            "goodput_percent_of_what_was_left": self.share(options.seconds), "refused": seen.refusals.len(),
            "refusal_p50_us": self.refusal(0.5), "refusal_p99_us": self.refusal(0.99),
            "served_p50_us": seen.served_in.value_at_quantile(0.5),
            "served_p99_us": seen.served_in.value_at_quantile(0.99),
            "memory_before_mib": before.memory_kib / 1024, "memory_peak_mib": seen.peak_kib / 1024,
            "recovered_ms": recovered.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        })
    }

    /// What is wrong however fast the machine is.
    fn complaints(&self) -> Vec<String> {
        let (seen, mut complaints) = (&self.seen, Vec::new());
        if let Some(first) = seen.other.first() {
            complaints.push(format!("{} calls were neither served nor refused: {first}", seen.other.len()));
        }
        if seen.refusals.is_empty() || seen.served == 0 {
            complaints.push("nothing was refused, or nothing served: that was no overload".to_owned());
        }
        if seen.peak_kib > self.before.memory_kib + MORE_MEMORY_KIB {
            complaints.push(format!("it held {} MiB", seen.peak_kib / 1024));
        }
        if self.recovered.is_none() {
            complaints.push(format!("it had not recovered after {RECOVERY_MAX:?}"));
        }
        complaints
    }

    fn complaints_of_speed(&self, options: &Options) -> Vec<String> {
        let held_back = self.seen.held_back * 100 / self.seen.asked.max(1);
        if held_back > HELD_BACK_MAX {
            // What takes long is the clients themselves.
            let why = format!(
                "the clients held back {held_back} % of the calls: this machine can't ask so much beside the server"
            );
            if options.best_effort {
                println!("{why}, and how much was served and how soon refused is not judged");
                return Vec::new();
            }
            return vec![format!("{why} (see --best-effort)")];
        }
        let (share, refusal) = (self.share(options.seconds), Duration::from_micros(self.refusal(0.99)));
        let mut complaints = Vec::new();
        if share < GOODPUT_MIN {
            complaints.push(format!("{share} % of the peak were served, on the processors that were left"));
        }
        if refusal > REFUSAL_MAX {
            complaints.push(format!("refusals took {refusal:?}"));
        }
        complaints
    }
}

/// Those who call.
struct Crowd {
    path: PathAndQuery,
    message: Bytes,
    channels: Vec<Channel>,
    next: AtomicUsize,
}

/// What became of an overload.
struct Overload {
    asked: u64,
    /// Calls that were not sent, since as many were under way as the connections hold.
    held_back: u64,
    served: u64,
    served_in: Histogram<u64>,
    refusals: Histogram<u64>,
    other: Vec<String>,
    peak_kib: u64,
}

impl Crowd {
    /// Sends the message as it is, and looks at nothing but the status.
    async fn call(&self) -> Result<(), Status> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) / BURST % self.channels.len();
        let mut client = Grpc::new(self.channels[index].clone()).max_decoding_message_size(REPLY_MAX);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut request = tonic::Request::new(self.message.clone());
        request.set_timeout(DEADLINE);
        client.unary(request, self.path.clone(), Raw).await.map(|_| ())
    }

    /// How long a call takes that is alone: the slowest of a few.
    async fn latency(&self) -> Result<Duration> {
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let since = Instant::now();
            self.call().await?;
            slowest = slowest.max(since.elapsed());
        }
        Ok(slowest)
    }

    /// How many calls are served where so many are always under way.
    async fn closed(self: &Arc<Self>, at_once: usize, time: Duration) -> Result<u64> {
        let until = Instant::now() + time;
        let mut clients = JoinSet::new();
        for _ in 0..at_once {
            let crowd = Arc::clone(self);
            clients.spawn(async move {
                let mut served = 0u64;
                while Instant::now() < until {
                    crowd.call().await?;
                    served += u64::from(Instant::now() < until);
                }
                Ok::<u64, Status>(served)
            });
        }
        let mut served = 0;
        while let Some(client) = clients.join_next().await {
            served += client??;
        }
        Ok(served)
    }

    /// Calls so many times a second, whether there are answers or not.
    async fn open(self: &Arc<Self>, per_second: u64, time: Duration, pid: u32) -> Result<Overload> {
        let seen = Arc::new(Mutex::new(Overload {
            asked: 0,
            held_back: 0,
            served: 0,
            served_in: latencies()?,
            refusals: latencies()?,
            other: Vec::new(),
            peak_kib: 0,
        }));
        let (start, tick) = (Instant::now(), Duration::from_millis(5));
        let until = start + time;
        let (mut calls, mut asked, mut held_back) = (JoinSet::new(), 0u64, 0u64);
        let mut next_look = start;
        while Instant::now() < until {
            let due = per_second * u64::try_from(start.elapsed().as_millis())? / 1000;
            while asked < due {
                asked += 1;
                if calls.len() >= self.channels.len() * CALLS_PER_CONNECTION {
                    held_back += 1;
                    continue;
                }
                let (crowd, seen) = (Arc::clone(self), Arc::clone(&seen));
                calls.spawn(async move {
                    let since = Instant::now();
                    let answer = crowd.call().await;
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.note(since.elapsed(), Instant::now() < until, answer);
                });
            }
            while calls.try_join_next().is_some() {}
            if Instant::now() >= next_look {
                let memory = Pulse::of(pid)?.memory_kib;
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.peak_kib = seen.peak_kib.max(memory);
                drop(seen);
                next_look += LOOK_EVERY;
            }
            sleep_until(Instant::now() + tick).await;
        }
        while calls.join_next().await.is_some() {}
        let seen = Arc::try_unwrap(seen).map_err(|_| anyhow::anyhow!("a call is still under way"))?;
        Ok(Overload { asked, held_back, ..seen.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }

    /// How long until ten calls in a row are answered, each within this time.
    async fn recovery(&self, within: Duration) -> Option<Duration> {
        let since = Instant::now();
        let mut good = 0;
        while since.elapsed() < RECOVERY_MAX {
            let sent = Instant::now();
            let fine = self.call().await.is_ok() && sent.elapsed() <= within;
            good = if fine { good + 1 } else { 0 };
            if good == 10 {
                return Some(since.elapsed());
            }
            sleep(Duration::from_millis(1)).await;
        }
        None
    }
}

impl Overload {
    fn note(&mut self, latency: Duration, in_time: bool, answer: Result<(), Status>) {
        match answer {
            Ok(()) => {
                self.served += u64::from(in_time);
                record(&mut self.served_in, latency);
            }
            Err(status) if is_refusal(&status) => record(&mut self.refusals, latency),
            Err(status) => self.other.push(format!("{:?}: {}", status.code(), status.message())),
        }
    }
}

/// Whether the server said that it has too much to do, and when to come again.
fn is_refusal(status: &Status) -> bool {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    status.code() == Code::ResourceExhausted && reason == Some("OVERLOADED") && details.retry_info().is_some()
}
