//! Two nodes, one of which falls asleep in the middle of payments.

use std::process::Command;
use std::time::Duration;

use digota_proto::orderpb::order;
use digota_proto::paymentpb::charge;
use futures_util::future::join_all;
use tonic::Code;

use crate::harness::{Client, Gateway, Sandbox, Server, Setup, eventually, moved};
use crate::stories::Engine;

/// A payment belongs to its node for 2.5 s.
const SHORT_LEASE: &str = "payments.gateway_timeout_ms = 1500\npayments.lease_slack_ms = 1000";

/// How many payments are under way when the node falls asleep.
const PAYMENTS: usize = 12;

/// The other node ends what the sleeper began. When the sleeper wakes up it finds that out, and does nothing twice.
pub(crate) async fn a_node_that_falls_asleep_doubles_nothing(engine: Engine) {
    let sandbox = Sandbox::start(&["--delay-ms", "700"]).await;
    let node = || async {
        let gateway = Gateway::At(sandbox.url());
        Server::with(Setup { storage: engine.sections(), gateway, settings: SHORT_LEASE, ..Setup::default() })
            .await
    };
    let (sleeper, other) = (node().await, node().await);
    let (asked, shop) = (sleeper.shop().await, other.shop().await);
    let sku = shop.sku(100).await;
    let orders = join_all((0..PAYMENTS).map(|_| shop.order(&sku, 1))).await;

    // Some are before their first commit, some at the gateway, some at the last one.
    let pays = orders.iter().enumerate().map(|(n, order)| {
        let (asked, order) = (asked.clone(), order.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100) * u32::try_from(n).unwrap()).await;
            asked.pay(&order).await
        })
    });
    let pays: Vec<_> = pays.collect();
    eventually("payments are under way", || async { (pending(&shop).await >= 3).then_some(()) }).await;
    signal(&sleeper, "-STOP");
    assert!(pending(&shop).await > 0, "it fell asleep in the middle of payments");
    eventually("the other node settles them", || async { (pending(&shop).await == 0).then_some(()) }).await;
    signal(&sleeper, "-CONT");

    for (order, answer) in orders.iter().zip(join_all(pays).await) {
        let answer = answer.unwrap();
        let now = shop.read_order(&order.id).await;
        match answer {
            Ok(paid) => assert_eq!((paid.status(), now.status()), (order::Status::Paid, order::Status::Paid)),
            // Nothing was sent for it.
            Err(status) => {
                assert_ne!(status.code(), Code::Internal, "{status}");
                if now.status() != order::Status::Paid {
                    shop.pay(order).await.unwrap();
                }
            }
        }
    }
    let price = i64::try_from(sku.price).unwrap();
    assert_eq!(moved(&sandbox.journal().await), vec![price; PAYMENTS], "every buyer paid once");
    assert_eq!(shop.stock(&sku).await, 100 - i64::try_from(PAYMENTS).unwrap());
    let verdict = other.command(&["verify"]).await;
    assert!(verdict.is_ok(), "{verdict:?}");
}

/// How many payments are under way.
async fn pending(shop: &Client) -> usize {
    let charges = shop.all_charges().await;
    charges.iter().filter(|charge| charge.status() == charge::Status::Pending).count()
}

fn signal(server: &Server, signal: &str) {
    let pid = server.process.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}
