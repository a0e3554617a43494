//! An order: what a buyer wants, at the prices of the moment it was made.

pub mod lines;
pub mod status;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blank::is_blank;
use crate::id::{AttemptId, ChargeId, OrderId, SkuId};
use crate::money::Money;
use crate::time::Timestamp;

pub use lines::{Draft, DraftLine, Priced};
pub use status::OrderStatus;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its identity.
    pub id: OrderId,
    /// The sum of its lines, and the currency of all of them.
    pub money: Money,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub metadata: BTreeMap<String, String>,
    /// The buyer's e-mail address; may be empty.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub email: String,
    /// The charge that paid it.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub charge: Option<ChargeId>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub shipping: Option<Shipping>,
    /// Sum of what was paid back.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub refunded: i64,
    /// Until when a payment may begin.
    pub expires: Timestamp,
    /// The payment or refund under way.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub open_attempt: Option<AttemptId>,
    /// The charge of the payment under way.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub pending_charge: Option<ChargeId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Rises by one per change.
    pub version: u64,
}

/// What a line is, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Goods.
    Sku = 1,
    /// A discount: 0 or less.
    Discount = 2,
    /// A tax: 0 or more.
    Tax = 3,
    /// The cost of shipping: 0 or more.
    Shipping = 4,
}

impl LineKind {
    /// The kind with this number on the wire.
    pub fn from_number(number: i32) -> Option<LineKind> {
        [Self::Sku, Self::Discount, Self::Tax, Self::Shipping]
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// How many; at least 1.
    pub quantity: i64,
    /// The price of one, in the smallest unit of the order's currency.
    pub unit_price: i64,
    /// Goods: which SKU.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub sku: Option<SkuId>,
    /// For people.
    pub description: String,
    /// Goods: whether paying took them out of stock, so that a return can put them back.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub stocked: bool,
    /// Goods: how many came back.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub returned: i64,
}

impl Line {
    /// What the line costs. Orders are only made of lines whose totals fit.
    pub fn total(&self) -> i64 {
        self.unit_price.saturating_mul(self.quantity)
    }

    /// How many could still come back.
    pub fn returnable(&self) -> i64 {
        self.quantity - self.returned
    }
}

/// Where an order goes, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipping {
    /// To whom.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub name: String,
    /// Their telephone number.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub phone: String,
    /// Where they live.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub address: Option<Address>,
    /// Who brings it.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub carrier: String,
    /// How it can be followed.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub tracking_number: String,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// First line.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub line1: String,
    /// Second line.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub line2: String,
    /// City.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub city: String,
    /// Country, as the client writes it.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub country: String,
    /// Postal code.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub postal_code: String,
    /// State or province.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub state: String,
}

impl Order {
    /// The goods' lines.
    pub fn goods(&self) -> impl Iterator<Item = (SkuId, &Line)> {
        self.lines.iter().filter_map(|line| line.sku.map(|sku| (sku, line)))
    }

    /// Whether all goods came back.
    pub fn all_returned(&self) -> bool {
        self.goods().all(|(_, line)| line.returnable() == 0)
    }
}
