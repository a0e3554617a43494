//! Honest clients: a steady trickle of calls on connections of long standing, and newcomers who connect first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::orderpb::{self, OrderItem};
use digota_proto::paymentpb::Currency;
use digota_proto::productpb;
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::skupb::{self, Inventory};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::world::World;

/// Connections of long standing, and how many clients share each.
const CONNECTIONS: usize = 4;
const CLIENTS_PER_CONNECTION: usize = 2;
/// Where many call at once, how many of them share a connection.
const CALLERS_PER_CONNECTION: usize = 8;
/// How long a client thinks between two calls.
const PAUSE: Duration = Duration::from_millis(20);
/// How often somebody comes anew.
const NEWCOMER_EVERY: Duration = Duration::from_millis(250);
/// How many SKUs there are.
const SKUS: usize = 20;
/// How long a call may take before its client gives up.
const DEADLINE: Duration = Duration::from_secs(10);

/// The clients, until they are dropped.
pub(crate) struct Honest {
    seen: Arc<Mutex<Seen>>,
    _clients: JoinSet<()>,
}

/// What they saw since they were last asked.
pub(crate) struct Seen {
    calls: Histogram<u64>,
    arrivals: Histogram<u64>,
    pub(crate) failures: Vec<String>,
}

/// What is for sale.
#[derive(Clone)]
pub(crate) struct Market {
    pub(crate) skus: Arc<Vec<String>>,
}

impl Market {
    /// Puts a few SKUs on sale that never run out, with as many products beside them.
    pub(crate) async fn open(channel: &Channel) -> Result<Market> {
        let mut skus = Vec::new();
        for n in 0..SKUS {
            let new =
                productpb::NewRequest { name: format!("Product {n}"), active: true, ..Default::default() };
            let product =
                ProductServiceClient::new(channel.clone()).create(new).await.context("a product")?;
            let new = skupb::NewRequest {
                name: format!("SKU {n}"),
                currency: Currency::Usd.into(),
                active: true,
                price: 1300,
                parent: product.into_inner().id,
                inventory: Some(Inventory::default()),
                ..Default::default()
            };
            let sku = SkuServiceClient::new(channel.clone()).create(new).await.context("a SKU")?;
            skus.push(sku.into_inner().id);
        }
        Ok(Market { skus: Arc::new(skus) })
    }

    /// Calls so many at once, one after the other, for so long. Where there are too many, some may be refused.
    pub(crate) async fn crowd(&self, world: &World, at_once: usize, time: Duration) -> Result<()> {
        let (mut callers, until) = (JoinSet::new(), Instant::now() + time);
        let channels = (0..at_once.div_ceil(CALLERS_PER_CONNECTION)).map(|_| world.channel());
        let channels = channels.collect::<Result<Vec<_>>>()?;
        for caller in 0..at_once {
            let (market, channel) = (self.clone(), channels[caller % channels.len()].clone());
            callers.spawn(async move {
                for n in caller.. {
                    if Instant::now() > until {
                        return Ok(());
                    }
                    match market.call(channel.clone(), n).await {
                        Err(status) if status.code() != Code::ResourceExhausted => return Err(status),
                        _ => {}
                    }
                }
                Ok(())
            });
        }
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        Ok(())
    }

    /// What an honest client calls in its n-th call: mostly reads, some orders, now and then a list.
    async fn call(&self, channel: Channel, n: usize) -> Result<(), Status> {
        let sku = &self.skus[n % self.skus.len()];
        match n % 10 {
            0..6 => get(channel, sku).await,
            6..9 => order(channel, sku).await,
            _ => {
                let request = orderpb::ListRequest { limit: 10, ..Default::default() };
                OrderServiceClient::new(channel).list(timed(request)).await.map(|_| ())
            }
        }
    }
}

async fn get(channel: Channel, sku: &str) -> Result<(), Status> {
    let request = skupb::GetRequest { id: sku.to_owned() };
    SkuServiceClient::new(channel).get(timed(request)).await.map(|_| ())
}

/// Makes an order of one piece.
pub(crate) async fn order(channel: Channel, sku: &str) -> Result<(), Status> {
    OrderServiceClient::new(channel).create(timed(new_order(sku))).await.map(|_| ())
}

/// An order of one piece.
pub(crate) fn new_order(sku: &str) -> orderpb::NewRequest {
    let line =
        OrderItem { r#type: Type::Sku.into(), quantity: 1, parent: sku.to_owned(), ..OrderItem::default() };
    orderpb::NewRequest {
        currency: Currency::Usd.into(),
        items: vec![line],
        ..orderpb::NewRequest::default()
    }
}

fn timed<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

impl Honest {
    /// Starts to call.
    pub(crate) fn start(world: &World, market: &Market) -> Result<Honest> {
        let seen = Arc::new(Mutex::new(Seen::new()?));
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let channel = world.channel()?;
            for client in 0..CLIENTS_PER_CONNECTION {
                let (seen, market, channel) = (Arc::clone(&seen), market.clone(), channel.clone());
                clients.spawn(async move {
                    for n in client.. {
                        let since = Instant::now();
                        let answer = market.call(channel.clone(), n).await;
                        lock(&seen).note_call(since.elapsed(), answer);
                        tokio::time::sleep(PAUSE).await;
                    }
                });
            }
        }
        let (newcomers, market, endpoint) = (Arc::clone(&seen), market.clone(), world.endpoint()?);
        clients.spawn(async move {
            loop {
                let since = Instant::now();
                // A channel connects when it is first used, and this one is used once.
                let answer = get(endpoint.connect_lazy(), &market.skus[0]).await;
                lock(&newcomers).note_arrival(since.elapsed(), answer);
                tokio::time::sleep(NEWCOMER_EVERY).await;
            }
        });
        Ok(Honest { seen, _clients: clients })
    }

    /// What they saw since this was last asked.
    pub(crate) fn take(&self) -> Result<Seen> {
        Ok(std::mem::replace(&mut *lock(&self.seen), Seen::new()?))
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Latencies in microseconds, up to a minute.
pub(crate) fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// Records a latency.
pub(crate) fn record(into: &mut Histogram<u64>, latency: Duration) {
    into.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

impl Seen {
    fn new() -> Result<Seen> {
        Ok(Seen { calls: latencies()?, arrivals: latencies()?, failures: Vec::new() })
    }

    fn note_call(&mut self, latency: Duration, answer: Result<(), Status>) {
        record(&mut self.calls, latency);
        self.note(answer, "a call");
    }

    fn note_arrival(&mut self, latency: Duration, answer: Result<(), Status>) {
        record(&mut self.arrivals, latency);
        self.note(answer, "a newcomer");
    }

    fn note(&mut self, answer: Result<(), Status>, who: &str) {
        if let Err(status) = answer {
            self.failures.push(format!("{who}: {:?} {}", status.code(), status.message()));
        }
    }

    /// The latency that one call in a hundred exceeded.
    pub(crate) fn p99(&self) -> Duration {
        Duration::from_micros(self.calls.value_at_quantile(0.99))
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.len()
    }

    pub(crate) fn json(&self) -> Value {
        let at = |of: &Histogram<u64>, quantile| of.value_at_quantile(quantile);
        json!({
            "calls": self.calls.len(), "p50_us": at(&self.calls, 0.5), "p99_us": at(&self.calls, 0.99),
            "max_us": self.calls.max(), "newcomers": self.arrivals.len(),
            "newcomer_p50_us": at(&self.arrivals, 0.5), "newcomer_max_us": self.arrivals.max(),
            "failures": self.failures.len(), "first_failure": self.failures.first(),
        })
    }
}
