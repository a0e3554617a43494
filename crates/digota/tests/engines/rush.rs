//! Three hundred buyers, two nodes, fifty pieces and a slow gateway: judged by the oracle from four records.

use std::time::{Duration, Instant};

use digota_oracle::books::Event;
use digota_oracle::history::{Ask, Call, History, Order, Outcome, Seen, Sku};
use digota_oracle::{Books, Evidence, Known, When, journal, judge};
use digota_proto::{eventpb, orderpb};
use futures_util::future::join_all;
use tonic::Code;
use uuid::Uuid;

use crate::harness::{Client, Gateway, PATIENCE, Sandbox, assert_refused};
use crate::stories::{Engine, left};

const BUYERS: usize = 300;
const PIECES: i64 = 50;

/// No buyer is refused but for want of pieces, and none is left.
pub(crate) async fn a_rush_on_one_sku_sells_every_piece(engine: Engine) {
    let sandbox = Sandbox::start(&["--delay-ms", "200"]).await;
    let nodes =
        [engine.node(Gateway::At(sandbox.url())).await, engine.node(Gateway::At(sandbox.url())).await];
    let shops = [nodes[0].shop().await, nodes[1].shop().await];
    let sku = shops[0].sku(PIECES).await;
    let orders = join_all((0..BUYERS).map(|n| shops[n % 2].order(&sku, 1))).await;
    let began = Instant::now();
    let buys = orders.iter().enumerate().map(|(n, order)| buy(&shops[(n + 1) % 2], order));
    let orders = join_all(buys).await;
    let took = began.elapsed();
    let paid = orders.iter().filter(|order| order.calls.iter().any(|call| call.done().is_some())).count();
    assert_eq!(i64::try_from(paid).unwrap(), PIECES);
    for shop in &shops {
        assert_eq!(left(shop, &sku.id).await, 0);
    }

    let price = i64::try_from(sku.price).unwrap();
    let sku = Sku { id: id(&sku.id), initial: Some(PIECES), price, adjustments: Vec::new() };
    let history = History { skus: vec![sku], orders, ..History::default() };
    let books = books(&engine).await;
    let events = follow(&shops[1], books.events.len()).await;
    let journal = journal::read(&sandbox.record().await).unwrap();
    let charged = journal.iter().filter(|entry| entry.moved > 0).count();
    let violations = judge(&Evidence { history, journal, books, events }, When::AtRest);
    assert!(violations.is_empty(), "{violations:?}");
    eprintln!(
        "{BUYERS} buyers at two nodes, {PIECES} pieces, a gateway of 200 ms: {paid} paid, {charged} charged, 0 left, \
         {} refused for want of stock, in {} ms; the oracle has no objection",
        BUYERS - paid,
        took.as_millis()
    );
}

/// Pays once; the only no that is taken is that nothing is left.
async fn buy(shop: &Client, order: &orderpb::Order) -> Order {
    let outcome = match shop.pay(order).await {
        Ok(paid) => Outcome::Done(Seen {
            object: id(&paid.id),
            status: "paid".into(),
            charge: Some(id(&paid.charge_id)),
            refunded: paid.refunded_amount,
            version: paid.version,
        }),
        Err(refused) => {
            assert_refused(Err::<(), _>(refused), Code::FailedPrecondition, "OUT_OF_STOCK");
            Outcome::Refused("OUT_OF_STOCK".into())
        }
    };
    let goods = order.items.iter().map(|item| (id(&item.parent), item.quantity)).collect();
    let mut order = Order::new(id(&order.id), goods, order.amount);
    order.calls.push(Call::new(Ask::Pay, outcome));
    order
}

async fn books(engine: &Engine) -> Books {
    let store = digota_storage::open_read_only(&engine.config).await.unwrap();
    Books::read(&*store, &Known::default()).await.unwrap()
}

/// The first so many events, as somebody receives them who follows.
async fn follow(shop: &Client, count: usize) -> Vec<Event> {
    let request = eventpb::WatchRequest::default();
    let mut stream = shop.events().watch(request).await.unwrap().into_inner();
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        let event = tokio::time::timeout(PATIENCE.max(Duration::from_secs(10)), stream.message()).await;
        let event = event.expect("an event is missing").unwrap().unwrap();
        events.push(Event {
            position: event.position,
            id: id(&event.id),
            object: id(&event.object_id),
            name: event.r#type,
            kind: event.object_kind,
            version: event.object_version,
            at: event.created,
            body: event.body,
        });
    }
    events
}

fn id(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap()
}
