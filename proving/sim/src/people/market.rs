//! What is done before anything goes wrong, and after everything is mended.

use std::collections::BTreeSet;
use std::time::Duration;

use digota_proto::{orderpb, paymentpb};

use super::requests::{new_product, new_sku, price};
use super::{Ask, Call, Outcome, People, Told, Ware, id};
use crate::plan::{Deed, What};

impl People {
    /// Puts a product and SKUs on sale.
    pub async fn open_market(&self) {
        let Ok(Told::Product(product)) = self.look(0, new_product()).await else { return };
        for (number, initial) in self.stage.setup.stock.clone().into_iter().enumerate() {
            let Ok(Told::Sku(sku)) = self.look(0, new_sku(&product.id, number, initial)).await else {
                return;
            };
            let Some(sku) = id(&sku.id) else { return };
            self.known().wares.push(Ware { sku, price: price(number), initial });
        }
    }

    /// Looks at every order that somebody knows of, as those do who wait for a payment.
    pub async fn look_at_orders(&self) {
        let orders: BTreeSet<_> = {
            let known = self.known();
            known.calls.keys().filter_map(|deed| known.order(*deed)).collect()
        };
        for (order, place) in orders.into_iter().zip((0..self.stage.setup.nodes).cycle()) {
            let _ = self.look(place, Ask::Order(orderpb::GetRequest { id: order.to_string() })).await;
        }
    }

    /// Reads everything at every node: each must tell the same.
    pub async fn look_around(&self) {
        let mut views = Vec::new();
        for place in 0..self.stage.setup.nodes {
            match self.view(place).await {
                Some(view) => views.push(view),
                None => {
                    self.stage.alarm(format!("node {place} can't be read although nothing is wrong any more"))
                }
            }
        }
        if views.windows(2).any(|pair| pair[0] != pair[1]) {
            self.stage.alarm("two nodes tell different things at rest".to_owned());
        }
    }

    /// Everything that a node tells.
    async fn view(&self, place: usize) -> Option<(Told, Told, Vec<Told>)> {
        let orders = self.look(place, Ask::Orders(orderpb::ListRequest::default())).await.ok()?;
        let charges = self.look(place, Ask::Charges(paymentpb::ListRequest::default())).await.ok()?;
        let mut skus = Vec::new();
        let wares: Vec<Ware> = self.known().wares.clone();
        for ware in wares {
            let ask = Ask::Sku(digota_proto::skupb::GetRequest { id: ware.sku.to_string() });
            skus.push(self.look(place, ask).await.ok()?);
        }
        Some((orders, charges, skus))
    }

    /// Sends some requests that were answered for good once more, with their keys.
    pub async fn ask_again(&self) {
        let answered: Vec<(usize, Call)> = {
            let known = self.known();
            let kept = known.calls.iter().filter(|(_, call)| call.is_answered());
            kept.map(|(number, call)| (*number, call.clone())).collect()
        };
        for (number, call) in answered {
            if self.stage.world.roll(2) == 0 {
                continue;
            }
            let what = What::Again { deed: number };
            let deadline_ms = Duration::from_secs(10).as_millis().try_into().unwrap_or(u64::MAX);
            let node = number % self.stage.setup.nodes;
            let deed = Deed { at: 0, number, client: 0, node, deadline_ms, keyed: true, what };
            self.insist(number, &call, &deed).await;
            self.stage.world.count("answers asked again");
        }
    }
}

impl Call {
    /// What is known of it: the first OK, else the last that was heard.
    pub fn outcome(&self) -> Option<&Outcome> {
        let mut outcomes = self.heard.iter().map(|heard| &heard.outcome);
        outcomes.clone().find(|outcome| matches!(outcome, Outcome::Done(_))).or(outcomes.next_back())
    }

    /// Whether its key has its answer for good. A refusal that is not the gateway's is not kept: the same request may be granted
    /// later.
    pub fn is_answered(&self) -> bool {
        let kept = match self.outcome() {
            Some(Outcome::Done(told)) => told.is_final(),
            Some(Outcome::Refused(no)) => no.is_kept(),
            _ => false,
        };
        kept && self.key.is_some() && !matches!(self.what, What::Look { .. })
    }
}

impl super::No {
    /// Whether it is the gateway's answer, which is kept for the key.
    pub fn is_kept(&self) -> bool {
        !self.reason.is_empty() && self.reason.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    }
}
