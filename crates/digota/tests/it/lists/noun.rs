//! A list of any noun, so that a story holds for all four.

use digota_proto::orderpb::{self, CancelRequest};
use digota_proto::paymentpb::{self, RefundRequest, charge};
use digota_proto::{productpb, skupb};
use tonic::Status;

use crate::harness::{Client, sku_line};

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noun {
    Product,
    Sku,
    Order,
    Charge,
}

/// All that can be listed.
pub(super) const NOUNS: [Noun; 4] = [Noun::Product, Noun::Sku, Noun::Order, Noun::Charge];

/// What can be asked of every list.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) page: i64,
    pub(super) limit: i64,
    pub(super) sort: i32,
    pub(super) cursor: String,
    /// Only what [`Noun::make`] makes, by a filter of the noun.
    pub(super) filtered: bool,
}

/// What every list answers.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) ids: Vec<String>,
    pub(super) total: i32,
    pub(super) capped: bool,
    pub(super) next: String,
}

const EMAIL: &str = "ada@example.com";

macro_rules! list {
    ($client:expr, $package:ident, $items:ident, $ask:expr, $field:ident: $filter:expr) => {{
        let Ask { page, limit, sort, cursor, filtered } = $ask.clone();
        let mut request = $package::ListRequest { page, limit, sort, cursor, ..Default::default() };
        if filtered {
            request.$field = $filter;
        }
        let list = $client.list(request).await?.into_inner();
        let ids = list.$items.into_iter().map(|item| item.id).collect();
        Ok(Found { ids, total: list.total, capped: list.total_capped, next: list.next_cursor })
    }};
}

impl Noun {
    pub(super) async fn list(self, shop: &Client, ask: &Ask) -> Result<Found, Status> {
        match self {
            Noun::Product => list!(shop.products(), productpb, products, ask, active: Some(true)),
            Noun::Sku => list!(shop.skus(), skupb, skus, ask, active: Some(true)),
            Noun::Order => list!(shop.orders(), orderpb, orders, ask, email: EMAIL.into()),
            Noun::Charge => {
                list!(shop.payments(), paymentpb, charges, ask, status: charge::Status::Succeeded.into())
            }
        }
    }

    /// Every id that a walk by cursor meets.
    pub(super) async fn walk(self, shop: &Client, mut ask: Ask) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let found = self.list(shop, &ask).await.unwrap();
            seen.extend(found.ids);
            if found.next.is_empty() {
                return seen;
            }
            ask.cursor = found.next;
        }
    }

    /// Makes one that the filter keeps, and gives its id.
    pub(super) async fn make(self, shop: &Client) -> String {
        match self {
            Noun::Product => shop.product().await.id,
            Noun::Sku => shop.sku(5).await.id,
            Noun::Order => {
                let lines = vec![sku_line(&shop.sku(5).await, 1)];
                let new = orderpb::NewRequest { email: EMAIL.into(), ..Client::some_order(lines) };
                shop.orders().create(new).await.unwrap().into_inner().id
            }
            Noun::Charge => shop.charge(Client::some_charge(500)).await.unwrap().id,
        }
    }

    pub(super) async fn make_some(self, shop: &Client, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.make(shop).await);
        }
        ids
    }

    /// Changes it, so that it still passes the filter.
    pub(super) async fn change(self, shop: &Client, id: &str) {
        let id = id.to_owned();
        match self {
            Noun::Product => {
                let change = productpb::UpdateRequest {
                    id,
                    name: "Changed".into(),
                    active: true,
                    ..Default::default()
                };
                shop.products().update(change).await.map(drop)
            }
            Noun::Sku => {
                let change =
                    skupb::UpdateRequest { id, name: "Changed".into(), active: true, ..Default::default() };
                shop.skus().update(change).await.map(drop)
            }
            Noun::Order => shop.orders().cancel(CancelRequest { id, ..Default::default() }).await.map(drop),
            Noun::Charge => {
                let refund = RefundRequest { id, amount: 1, ..Default::default() };
                shop.payments().refund_charge(refund).await.map(drop)
            }
        }
        .unwrap();
    }
}
