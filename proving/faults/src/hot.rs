//! The hot SKU: many payers at once, one SKU, until it is sold out; at the speed of the storage, not of the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{self, Faults, Line};
use crate::evidence::Evidence;
use crate::evidence::history::{Ask, Call, History, Order, Outcome};
use crate::kill::digota;
use crate::market::{GOOD, Market, new_order, pay_request, total};
use crate::oracle::{self, Violation};
use crate::report;
use crate::world::{Gateway, World};

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
    /// The digota to sell with; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// Sells out, and judges.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let Options { payers, stock, delay_ms, .. } = *options;
    println!("hot: {payers} payers, {stock} pieces of one SKU, a gateway of {delay_ms} ms");
    let gateway = Gateway { delay_ms, jitter_ms: 0, lost: "0", seed: 0 };
    let world = World::build(&digota(options.bin.as_deref())?, &gateway).await?;
    let server = world.serve().await?;
    let channels = Arc::new(world.connect(&server, payers.div_ceil(PAYERS_PER_CONNECTION))?);
    let market = Market::open(&channels[0], &[Some(i64::try_from(stock)?)]).await?;
    let (_publish, line) = watch::channel(channels);
    let faults = Arc::new(Faults::default());
    let line = |index| Line::new(line.clone(), index, Arc::clone(&faults));
    let sale = Arc::new(Sale::prepare(&market, stock + payers, line).await?);
    println!("{} orders are made", sale.orders.len());
    let (calls, sold_out) = sell(&sale, payers, stock, line).await?;
    let resent = faults.resent.load(Ordering::Relaxed);
    let faults = faults.internal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let history =
        History { skus: market.skus.clone(), orders: sale.with(calls), faults, ..History::default() };
    server.stop().await.context("the server")?;
    let books = world.books()?;
    let (folder, journal) = world.close().await?;
    let evidence = Evidence { history, journal, books };
    let mut violations = oracle::judge(&evidence);
    violations.extend(sold_exactly(&evidence, stock));
    let elapsed = sold_out.context("it was never sold out")?.as_micros().max(1);
    let paid_per_second = stock as u128 * 1_000_000 / elapsed;
    let ideal = payers as u128 * 1000 / u128::from(delay_ms.max(1));
    let share = paid_per_second * 100 / ideal.max(1);
    let mut line = json!({
        "payers": payers, "stock": stock, "delay_ms": delay_ms, "orders": sale.orders.len(),
        "sold_out_after_ms": elapsed / 1000, "paid_per_second": paid_per_second,
        "concurrency_by_latency": ideal, "share_percent": share, "requests_resent": resent,
    });
    line["violations"] = violations.len().into();
    report::table(&line);
    report::keep("hot.jsonl", line)?;
    report::sentence(&violations, &folder, 0)?;
    ensure!(share >= SHARE_MIN, "{share} % of concurrency ÷ latency; {SHARE_MIN} % are wanted");
    Ok(())
}

/// Orders of one piece each, waiting to be paid.
struct Sale {
    orders: Vec<Order>,
    next: AtomicUsize,
    done: AtomicUsize,
}

impl Sale {
    async fn prepare(market: &Market, count: usize, line: impl Fn(usize) -> Line) -> Result<Sale> {
        let sku = market.skus[0];
        let mut makers = JoinSet::new();
        for maker in 0..MAKERS {
            let line = line(maker);
            makers.spawn(async move {
                let mut made = Vec::new();
                for index in (maker..count).step_by(MAKERS) {
                    let ask = client::Ask::New(new_order(&sku, 1));
                    let told = line.insist(&ask, &format!("hot-order-{index:06}")).await;
                    made.push(told);
                }
                made
            });
        }
        let mut orders = Vec::new();
        while let Some(made) = makers.join_next().await {
            for outcome in made? {
                let Outcome::Done(seen) = outcome else { anyhow::bail!("no order: {outcome:?}") };
                let total = total(&sku, 1);
                orders.push(Order { id: seen.object, sku: sku.id, quantity: 1, total, calls: Vec::new() });
            }
        }
        Ok(Sale { orders, next: AtomicUsize::new(0), done: AtomicUsize::new(0) })
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

/// Pays all orders, so many at a time. Returns every call, and when the last piece was paid.
async fn sell(
    sale: &Arc<Sale>,
    payers: usize,
    stock: usize,
    line: impl Fn(usize) -> Line,
) -> Result<(Vec<(usize, Call)>, Option<Duration>)> {
    let gate = Arc::new(Barrier::new(payers + 1));
    let mut tasks = JoinSet::new();
    for payer in 0..payers {
        let (sale, line, gate) = (Arc::clone(sale), line(payer), Arc::clone(&gate));
        tasks.spawn(async move {
            gate.wait().await;
            pay_all(&sale, &line, stock).await
        });
    }
    gate.wait().await;
    let began = Instant::now();
    let (mut calls, mut sold_out) = (Vec::new(), None);
    while let Some(payer) = tasks.join_next().await {
        let (own, last) = payer?;
        calls.extend(own);
        sold_out = sold_out.or(last);
    }
    Ok((calls, sold_out.map(|at: Instant| at - began)))
}

/// Pays one order after the other while there are any; notes when the last piece was paid.
async fn pay_all(sale: &Sale, line: &Line, stock: usize) -> (Vec<(usize, Call)>, Option<Instant>) {
    let (mut calls, mut sold_out) = (Vec::new(), None);
    loop {
        let index = sale.next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = sale.orders.get(index) else { return (calls, sold_out) };
        let key = format!("hot-payment-{index:06}");
        let ask = client::Ask::Pay(pay_request(&order.id.to_string(), GOOD));
        let outcome = line.insist(&ask, &key).await;
        if matches!(outcome, Outcome::Done(_)) && sale.done.fetch_add(1, Ordering::Relaxed) + 1 == stock {
            sold_out = Some(Instant::now());
        }
        calls.push((index, Call { ask: Ask::Pay, key, outcome, again: Vec::new() }));
    }
}

/// All pieces are sold, none is left, and nobody was refused for another reason.
fn sold_exactly(evidence: &Evidence, stock: usize) -> Vec<Violation> {
    let calls = || evidence.history.orders.iter().flat_map(|order| &order.calls);
    let sold = calls().filter(|call| call.done().is_some()).count();
    let left: i64 = evidence.books.stock.values().map(|stock| stock.on_hand).sum();
    let other: Vec<_> =
        calls().filter_map(Call::refusal).filter(|reason| *reason != "OUT_OF_STOCK").collect();
    let mut violations = Vec::new();
    if sold != stock || left != 0 || !other.is_empty() {
        let text = format!("{sold} of {stock} sold, {left} left, other refusals: {other:?}");
        violations.push(Violation { rule: "exactly what was there is sold", text });
    }
    violations
}
