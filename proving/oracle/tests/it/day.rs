//! A day in a shop that is right, with all its records.

use digota_oracle::Evidence;
use digota_planted::World;
use digota_planted::world::Plan;
use uuid::Uuid;

/// What happened, and what it was about.
pub(crate) struct Day {
    pub(crate) evidence: Evidence,
    pub(crate) sku: Uuid,
    /// Two pieces, paid, 300 of it given back.
    pub(crate) paid: Uuid,
    /// One piece, declined.
    pub(crate) declined: Uuid,
    /// One piece, paid and returned.
    pub(crate) returned: Uuid,
    /// Too many pieces: refused.
    pub(crate) refused: Uuid,
    /// Paid and sent.
    pub(crate) sent: Uuid,
    /// Given up before it was paid.
    pub(crate) dropped: Uuid,
}

/// How many pieces there are at first.
pub(crate) const STOCK: i64 = 10;

impl Day {
    pub(crate) async fn pass() -> Day {
        let world = World::of(Plan { stock: STOCK, ..Plan::default() }).await;
        let node = world.node();
        let mut orders = Vec::new();
        for quantity in [2, 1, 1, STOCK + 1, 1, 1] {
            orders.push(world.order(&node, quantity).await);
        }
        let [paid, declined, returned, refused, sent, dropped] = orders[..] else { panic!("six orders") };
        for (order, token) in [
            (paid, "tok_ok"),
            (declined, "tok_card_declined"),
            (returned, "tok_ok"),
            (refused, "tok_ok"),
            (sent, "tok_ok"),
        ] {
            // Asked again, each tells the same.
            for _ in 0..2 {
                world.pay(&node, order, token, &format!("pay {order}")).await;
            }
        }
        world.refund(&node, paid, 300, "refund").await;
        world.give_back(&node, returned, "back").await;
        world.fulfill(&node, sent, "sent").await;
        world.cancel(&node, dropped, "dropped").await;
        let captured = world.hold(&node, 900, "tok_ok", "captured").await;
        world.capture(&node, captured, 400, "capture").await;
        world.refund_held(&node, captured, 100, "refund of what was captured").await;
        let voided = world.hold(&node, 900, "tok_ok", "voided").await;
        world.void(&node, voided, "void").await;
        world.rest(&node).await;
        let mut evidence = world.evidence().await;
        evidence.history.secrets = vec!["4242424242424242".into()];
        let [paid, declined, returned, refused, sent, dropped] =
            [paid, declined, returned, refused, sent, dropped].map(|order| order.0);
        Day { evidence, sku: world.sku.0, paid, declined, returned, refused, sent, dropped }
    }
}
