//! What a shop does, whatever it is kept in.

use std::future::Future;
use std::pin::Pin;

use digota_proto::skupb;
use futures_util::future::join_all;
use prost_types::FieldMask;
use tonic::Code;

use crate::harness::{Client, Gateway, Sandbox, Server, Setup, assert_refused, moved, sku_line};

/// Where the servers of a story keep their shop.
pub(crate) struct Engine {
    /// The section of their settings.
    pub(crate) storage: String,
    /// The section on how they take turns; each by itself if empty.
    pub(crate) locker: String,
    /// The storage, for who looks at it from outside.
    pub(crate) config: digota_storage::Config,
}

impl Engine {
    /// What the settings of its servers say about storage and lock.
    pub(crate) fn sections(&self) -> String {
        format!("{}\n{}", self.storage, self.locker)
    }

    pub(crate) async fn node(&self, gateway: Gateway) -> Server {
        Server::with(Setup { storage: self.sections(), gateway, ..Setup::default() }).await
    }
}

pub(crate) type Story = fn(Engine) -> Pin<Box<dyn Future<Output = ()>>>;

/// Every story, by its name.
pub(crate) const ALL: &[(&str, Story)] = &[
    ("an_order_is_paid_and_returned", |engine| Box::pin(an_order_is_paid_and_returned(engine))),
    ("a_shop_survives_its_server", |engine| Box::pin(a_shop_survives_its_server(engine))),
    ("two_nodes_sell_what_there_is", |engine| Box::pin(two_nodes_sell_what_there_is(engine))),
    ("a_price_that_one_node_changes_holds_at_the_other", |engine| {
        Box::pin(a_price_that_one_node_changes_holds_at_the_other(engine))
    }),
    ("two_nodes_charge_an_order_once", |engine| Box::pin(two_nodes_charge_an_order_once(engine))),
    ("a_rush_on_one_sku_sells_every_piece", |engine| {
        Box::pin(crate::rush::a_rush_on_one_sku_sells_every_piece(engine))
    }),
    ("a_node_that_falls_asleep_doubles_nothing", |engine| {
        Box::pin(crate::nodes::a_node_that_falls_asleep_doubles_nothing(engine))
    }),
];

async fn an_order_is_paid_and_returned(engine: Engine) {
    let server = engine.node(Gateway::Inside).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 3).await;
    let paid = shop.pay(&order).await.unwrap();
    assert!(!paid.charge_id.is_empty());
    assert_eq!(left(&shop, &sku.id).await, 2);
    assert!(shop.pay(&order).await.is_err(), "it is paid already");

    shop.give_back(&paid).await.unwrap();
    assert_eq!(left(&shop, &sku.id).await, 5);
    let money = i64::try_from(sku.price * 3).unwrap();
    assert_eq!(moved(&server.journal()), [money, -money]);
    let refused = shop.order_of(vec![sku_line(&sku, 3)]).await.unwrap();
    let rest = shop.order(&sku, 4).await;
    shop.pay(&rest).await.unwrap();
    assert_refused(shop.pay(&refused).await, Code::FailedPrecondition, "OUT_OF_STOCK");
}

async fn a_shop_survives_its_server(engine: Engine) {
    let mut server = engine.node(Gateway::Inside).await;
    let (sku, order) = {
        let shop = server.shop().await;
        let sku = shop.sku(5).await;
        let order = shop.paid(&sku, 2).await;
        (sku, order)
    };
    server.kill();
    server.start_again().await;
    let shop = server.shop().await;
    assert_eq!(left(&shop, &sku.id).await, 3);
    assert!(shop.pay(&order).await.is_err(), "it is paid already");
    server.stop().await;
}

/// No buyer is sent away while there are pieces, none gets a piece that is not there.
async fn two_nodes_sell_what_there_is(engine: Engine) {
    let sandbox = Sandbox::start(&[]).await;
    let nodes =
        [engine.node(Gateway::At(sandbox.url())).await, engine.node(Gateway::At(sandbox.url())).await];
    let shops = [nodes[0].shop().await, nodes[1].shop().await];
    let sku = shops[0].sku(50).await;
    let buy = |n: usize| {
        let (first, second) = (shops[n % 2].clone(), shops[(n + 1) % 2].clone());
        let sku = sku.clone();
        async move {
            let order = first.order(&sku, 1).await;
            // Ordered at one node, paid at the other.
            second.pay(&order).await
        }
    };
    let outcomes = join_all((0..100).map(buy)).await;
    let (paid, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    for refused in refused {
        assert_refused(refused, Code::FailedPrecondition, "OUT_OF_STOCK");
    }
    assert_eq!(paid.len(), 50);
    assert_eq!(moved(&sandbox.journal().await), vec![i64::try_from(sku.price).unwrap(); 50]);
    for shop in &shops {
        assert_eq!(left(shop, &sku.id).await, 0);
    }
}

/// Nodes remember SKUs. Whoever has changed one, or put it off sale, can rely on it at every node.
async fn a_price_that_one_node_changes_holds_at_the_other(engine: Engine) {
    let nodes = [engine.node(Gateway::Inside).await, engine.node(Gateway::Inside).await];
    let [desk, shop] = [nodes[0].shop().await, nodes[1].shop().await];
    let sku = desk.sku(50).await;
    let change = async |price, active| {
        let update_mask = Some(FieldMask { paths: vec!["price".into(), "active".into()] });
        let change =
            skupb::UpdateRequest { id: sku.id.clone(), price, active, update_mask, ..Default::default() };
        desk.skus().update(change).await.unwrap();
    };
    for price in 1001..1020 {
        change(price, true).await;
        let orders = join_all((0..4).map(|_| shop.order(&sku, 1))).await;
        let prices: Vec<i64> = orders.iter().map(|order| order.amount).collect();
        assert_eq!(prices, vec![i64::try_from(price).unwrap(); 4]);
    }
    let old = shop.order(&sku, 1).await;
    change(1, false).await;
    assert_refused(shop.pay(&old).await, Code::FailedPrecondition, "SKU_INACTIVE");
    assert_refused(shop.order_of(vec![sku_line(&sku, 1)]).await, Code::FailedPrecondition, "SKU_INACTIVE");
    change(2, true).await;
    assert_eq!(shop.order(&sku, 1).await.amount, 2);
    shop.pay(&old).await.unwrap();
}

/// A buyer who is impatient asks both nodes, several times, and pays once.
async fn two_nodes_charge_an_order_once(engine: Engine) {
    let sandbox = Sandbox::start(&["--delay-ms", "50"]).await;
    let nodes =
        [engine.node(Gateway::At(sandbox.url())).await, engine.node(Gateway::At(sandbox.url())).await];
    let shops = [nodes[0].shop().await, nodes[1].shop().await];
    let sku = shops[0].sku(50).await;
    let buy = |_| async {
        let order = shops[0].order(&sku, 1).await;
        let outcomes = join_all((0..6).map(|n| shops[n % 2].pay(&order))).await;
        // Who joins a payment has its outcome; who comes later is told that it is paid, or to come again.
        assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert!([Code::FailedPrecondition, Code::Aborted].contains(&refused.code()), "{refused:?}");
        }
    };
    join_all((0..20).map(buy)).await;
    assert_eq!(moved(&sandbox.journal().await), vec![i64::try_from(sku.price).unwrap(); 20]);
    assert_eq!(left(&shops[1], &sku.id).await, 30);
}

pub(crate) async fn left(shop: &Client, sku: &str) -> i64 {
    let request = skupb::GetRequest { id: sku.to_owned() };
    shop.skus().get(request).await.unwrap().into_inner().inventory.unwrap().quantity
}
