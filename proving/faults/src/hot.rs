//! The hot SKU: many payers at once, one SKU, until it is sold out; at the speed of the storage, not of the gateway. A
//! rehearsal comes first: a shop whose process has just begun is not what a sale meets.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use digota_oracle::history::{Ask, Call, History, Order, Outcome, Sku};
use digota_oracle::rules::UNDERSOLD;
use digota_oracle::{Evidence, Violation, When, judge};
use serde_json::json;
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::books::Storage;
use crate::client::{self, DEADLINE, Heard, Line};
use crate::follower::Follower;
use crate::kill::digota;
use crate::market::{GOOD, Market, new_order, pay_request, total};
use crate::nodes::Nodes;
use crate::report;
use crate::world::{Beside, Gateway, Reading, World};

/// How many payers share a connection: below the server's limit of 100 calls on one.
const PAYERS_PER_CONNECTION: usize = 64;
/// Orders that are made at once, beforehand.
const MAKERS: usize = 64;
/// The least share of concurrency ÷ latency, in per cent.
const SHARE_MIN: u128 = 80;

/// `digota-faults hot`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many clients pay at once
    #[arg(long, default_value_t = 512)]
    payers: usize,
    /// How many pieces there are
    #[arg(long, default_value_t = 1000)]
    stock: usize,
    /// How long the gateway takes to answer, in milliseconds
    #[arg(long, default_value_t = 200)]
    delay_ms: u64,
    /// The sandbox is a process of its own, and takes its share of the processors
    #[arg(long)]
    beside: bool,
    /// Where the shop is kept
    #[arg(long, value_enum, default_value = "sqlite")]
    storage: Storage,
    /// The digota to sell with; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Sells out, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let Options { payers, stock, delay_ms, .. } = *options;
    eprintln!("hot: {payers} payers, {stock} pieces of one SKU, a gateway of {delay_ms} ms");
    let played = play(options).await?;
    let mut violations = judge(&played.evidence, When::AtRest);
    violations.extend(sold_exactly(&played.evidence, payers + stock));
    let (last, _) = played.pieces.last().context("nothing was sold")?;
    let mut waits: Vec<u128> = played.pieces.iter().map(|(_, wait)| wait.as_millis()).collect();
    waits.sort_unstable();
    let paid_per_second = stock as u128 * 1_000_000 / last.as_micros().max(1);
    let ideal = payers as u128 * 1000 / u128::from(delay_ms.max(1));
    let share = paid_per_second * 100 / ideal.max(1);
    let line = json!({
        "payers": payers, "stock": stock, "delay_ms": delay_ms, "sandbox_beside": options.beside,
        "storage": format!("{:?}", options.storage).to_lowercase(),
        "sold_out_after_ms": last.as_millis(), "pay_p50_ms": waits[waits.len() / 2], "pay_max_ms": waits.last(),
        "paid_per_second": paid_per_second, "concurrency_by_latency": ideal, "share_percent": share,
        "requests_resent": played.resent, "violations": violations.len(),
    });
    report::table(&line);
    report::keep("hot.jsonl", line)?;
    report::sentence(&violations, &played.folder, 0)?;
    ensure!(share >= SHARE_MIN, "{share} % of concurrency ÷ latency; {SHARE_MIN} % are wanted");
    Ok(())
}

/// What a run leaves.
struct Played {
    evidence: Evidence,
    /// When each piece was paid, after the sale began; and how long that took.
    pieces: Vec<(Duration, Duration)>,
    /// Requests that were sent again.
    resent: usize,
    folder: PathBuf,
}

async fn play(options: &Options) -> Result<Played> {
    let Options { payers, stock, delay_ms, .. } = *options;
    let gateway = match options.beside {
        true => Gateway::Beside(Beside { delay_ms, jitter_ms: 0, lost: "0", seed: 0 }),
        false => Gateway::Inside { delay_ms },
    };
    let world =
        World::build(&digota(options.bin.as_deref())?, &gateway, options.storage, Reading::This).await?;
    let nodes = Nodes::start(&world, &world.bin, 1, payers.div_ceil(PAYERS_PER_CONNECTION)).await?;
    let pieces = [Some(i64::try_from(payers)?), Some(i64::try_from(stock)?)];
    let market = Market::open(&nodes.first(), &pieces).await?;
    let heard = Arc::new(Heard::default());
    let line = |index| Line::new(nodes.known(), index, DEADLINE, Arc::clone(&heard));
    let rehearsal = Arc::new(Sale::prepare("rehearsal", &market.skus[0], payers, line).await?);
    let rehearsed = sell(&rehearsal, payers, line).await?;
    let sale = Arc::new(Sale::prepare("sale", &market.skus[1], stock + payers, line).await?);
    eprintln!("{payers} pieces of another SKU are sold, and {} orders are made", sale.orders.len());
    let sold = sell(&sale, payers, line).await?;
    let resent = heard.resent.load(Ordering::Relaxed);
    let faults = heard.internal.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let orders = [rehearsal.with(rehearsed.calls), sale.with(sold.calls)].concat();
    let history = History { skus: market.skus.clone(), orders, faults, ..History::default() };
    let (_last, told) = watch::channel(Some(world.store.last_event()?));
    let followed = Follower::new(nodes.known(), told).work().await.context("who follows the events")?;
    nodes.stop_all().await.context("the server")?;
    let books = world.store.books()?;
    let (folder, journal) = world.close().await?;
    Ok(Played {
        evidence: Evidence { history, journal, books, events: followed.events },
        pieces: sold.pieces,
        resent,
        folder,
    })
}

/// Orders of one piece each, waiting to be paid.
struct Sale {
    name: &'static str,
    orders: Vec<Order>,
    next: AtomicUsize,
}

impl Sale {
    async fn prepare(
        name: &'static str,
        sku: &Sku,
        count: usize,
        line: impl Fn(usize) -> Line,
    ) -> Result<Sale> {
        let mut makers = JoinSet::new();
        for maker in 0..MAKERS {
            let (line, sku) = (line(maker), sku.clone());
            makers.spawn(async move {
                let mut made = Vec::new();
                for index in (maker..count).step_by(MAKERS) {
                    let ask = client::Ask::New(new_order(&sku, 1));
                    let told = line.insist(&ask, &format!("{name}-order-{index:06}")).await;
                    made.push(told);
                }
                made
            });
        }
        let mut orders = Vec::new();
        while let Some(made) = makers.join_next().await {
            for outcome in made? {
                let Outcome::Done(seen) = outcome else { anyhow::bail!("no order: {outcome:?}") };
                orders.push(Order::new(seen.object, vec![(sku.id, 1)], total(sku, 1)));
            }
        }
        Ok(Sale { name, orders, next: AtomicUsize::new(0) })
    }

    /// The orders with what was asked of them.
    fn with(&self, calls: Vec<(usize, Call)>) -> Vec<Order> {
        let mut orders = self.orders.clone();
        for (index, call) in calls {
            orders[index].calls.push(call);
        }
        orders
    }
}

/// What a sale was like.
#[derive(Default)]
struct Sold {
    calls: Vec<(usize, Call)>,
    /// When each piece was paid, after the sale began; and how long that took.
    pieces: Vec<(Duration, Duration)>,
}

/// Pays all orders, so many at a time.
async fn sell(sale: &Arc<Sale>, payers: usize, line: impl Fn(usize) -> Line) -> Result<Sold> {
    let gate = Arc::new(Barrier::new(payers + 1));
    let mut tasks = JoinSet::new();
    for payer in 0..payers {
        let (sale, line, gate) = (Arc::clone(sale), line(payer), Arc::clone(&gate));
        tasks.spawn(async move {
            gate.wait().await;
            pay_all(&sale, &line).await
        });
    }
    let began = Instant::now();
    gate.wait().await;
    let mut all = Sold::default();
    while let Some(payer) = tasks.join_next().await {
        let (calls, pieces) = payer?;
        all.calls.extend(calls);
        all.pieces.extend(pieces.into_iter().map(|(sent, paid)| (paid - began, paid - sent)));
    }
    all.pieces.sort_unstable();
    Ok(all)
}

/// Pays one order after the other while there are any. Returns every call, and of those that paid when they were sent and
/// answered.
async fn pay_all(sale: &Sale, line: &Line) -> (Vec<(usize, Call)>, Vec<(Instant, Instant)>) {
    let (mut calls, mut pieces) = (Vec::new(), Vec::new());
    loop {
        let index = sale.next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = sale.orders.get(index) else { return (calls, pieces) };
        let key = format!("{}-payment-{index:06}", sale.name);
        let ask = client::Ask::Pay(pay_request(&order.id.to_string(), GOOD));
        let sent = Instant::now();
        let outcome = line.insist(&ask, &key).await;
        if let Outcome::Done(_) = outcome {
            pieces.push((sent, Instant::now()));
        }
        let key = Some(ask.scope(&key));
        calls.push((index, Call { ask: Ask::Pay, key, body: String::new(), outcome, again: Vec::new() }));
    }
}

/// All pieces are sold, none is left, and nobody was refused for another reason.
fn sold_exactly(evidence: &Evidence, stock: usize) -> Vec<Violation> {
    let calls = || evidence.history.orders.iter().flat_map(|order| &order.calls);
    let sold = calls().filter(|call| call.done().is_some()).count();
    let left: i64 = evidence.books.stock.values().map(|stock| stock.on_hand).sum();
    let other: Vec<_> =
        calls().filter_map(Call::refusal).filter(|reason| *reason != "OUT_OF_STOCK").collect();
    if sold == stock && left == 0 && other.is_empty() {
        return Vec::new();
    }
    let how = format!("{sold} of {stock} sold, {left} left, other refusals: {other:?}");
    vec![Violation { rule: UNDERSOLD, about: "the hot SKU, or that of the rehearsal".into(), how }]
}
