//! What a store holds, in types of its own.
//!
//! Filled from documents as the store keeps them ([`Books::add`]), whoever read them: [`Books::read`] does it through the port.

mod read;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

pub use read::{Known, ReadError};

/// The whole store.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Products' versions.
    pub products: BTreeMap<Uuid, i64>,
    /// SKUs.
    pub skus: BTreeMap<Uuid, Sku>,
    /// Orders.
    pub orders: BTreeMap<Uuid, Order>,
    /// Charges.
    pub charges: BTreeMap<Uuid, Charge>,
    /// Attempts.
    pub attempts: BTreeMap<Uuid, Attempt>,
    /// Stock, by SKU; also of SKUs that were deleted.
    pub stock: BTreeMap<Uuid, Stock>,
    /// Movements, by SKU, in the order of their numbers.
    pub movements: BTreeMap<Uuid, Vec<Movement>>,
    /// Events, by position.
    pub events: Vec<Event>,
    /// Idempotency keys.
    pub keys: Vec<Key>,
    /// Whether all attempts and keys are here. Through the port only those are found that something else names.
    pub whole: bool,
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Noun {
    Product,
    Sku,
    Order,
    Charge,
    Attempt,
}

/// An amount, and its currency's code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Money {
    pub amount: i64,
    pub currency: String,
}

/// A SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sku {
    /// Rises by one per change.
    pub version: i64,
    /// Its product.
    pub parent: Uuid,
}

/// An order. Documents leave out what is zero, empty or not there.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the shop's document")]
pub struct Order {
    pub money: Money,
    pub lines: Vec<Line>,
    pub charge: Option<Uuid>,
    pub status: String,
    #[serde(default)]
    pub refunded: i64,
    pub open_attempt: Option<Uuid>,
    pub pending_charge: Option<Uuid>,
    pub version: i64,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the shop's document")]
pub struct Line {
    pub sku: Option<Uuid>,
    pub quantity: i64,
    pub unit_price: i64,
    #[serde(default)]
    pub stocked: bool,
    #[serde(default)]
    pub returned: i64,
}

/// A charge.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the shop's document")]
pub struct Charge {
    pub money: Money,
    pub status: String,
    #[serde(default)]
    pub provider_charge_id: String,
    pub order: Option<Uuid>,
    #[serde(default)]
    pub refunded: i64,
    #[serde(default)]
    pub pending_refund: i64,
    #[serde(default)]
    pub refunds: Vec<Refund>,
    #[serde(default)]
    pub capture_later: bool,
    pub open_attempt: Option<Uuid>,
    pub version: i64,
}

/// A refund of a charge.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the shop's document")]
pub struct Refund {
    pub id: Uuid,
    pub amount: i64,
    pub status: String,
}

/// An attempt to move money.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the shop's document")]
pub struct Attempt {
    pub op: String,
    /// `"pay"`, or an object such as `{"refund": {"refund": …}}`.
    pub effect: Value,
    pub charge: Uuid,
    pub order: Option<Uuid>,
    pub money: Money,
    pub client_key: Option<Scope>,
    pub state: String,
    /// How often the gateway was asked what became of it.
    #[serde(default)]
    pub checks: u32,
    /// Whether its outcome became another after it had been settled.
    #[serde(default)]
    pub late: bool,
    /// The attempt that gives its money back, which came too late.
    #[serde(default)]
    pub given_back: Option<Uuid>,
    pub version: i64,
}

/// Whose idempotency key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Scope {
    /// The client's name in the whitelist.
    pub principal: String,
    /// The rpc: `/orderpb.OrderService/Pay`.
    pub method: String,
    /// What the client sent.
    pub key: String,
}

/// An idempotency key.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Key {
    pub scope: Scope,
    pub fingerprint: String,
    /// The attempt that will answer, or has.
    pub attempt: Option<Uuid>,
    /// The answer that is kept: `{"Ok": …}` or `{"Err": …}`.
    pub answer: Option<Value>,
}

/// The stock of a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Stock {
    pub on_hand: i64,
    pub reserved: i64,
    /// The number of its last movement.
    pub version: i64,
}

/// A movement of stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Counts a SKU's movements from 1.
    pub number: i64,
    /// What it was.
    pub kind: MovementKind,
    /// What `on_hand` changed by.
    pub on_hand: i64,
    /// What `reserved` changed by.
    pub reserved: i64,
    /// The attempt or order that caused it.
    pub reference: Option<Uuid>,
}

/// What a movement was, in the order of the numbers in stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum MovementKind {
    Adjust,
    Reserve,
    Consume,
    Release,
    Return,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Event {
    pub position: i64,
    pub id: Uuid,
    /// `order.paid`.
    pub name: String,
    /// `order`.
    pub kind: String,
    pub object: Uuid,
    /// The version that the object has since.
    pub version: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The summary, JSON.
    pub body: String,
}

#[derive(Deserialize)]
struct ProductDocument {
    version: i64,
}

#[derive(Deserialize)]
struct SkuDocument {
    version: i64,
    details: SkuDetails,
}

#[derive(Deserialize)]
struct SkuDetails {
    parent: Uuid,
}

impl Books {
    /// Adds a document, or puts it in the place of the one before.
    ///
    /// # Errors
    /// The text, with what is wrong with it, where it is none of that noun.
    pub fn add(&mut self, noun: Noun, id: Uuid, document: &str) -> Result<(), ReadError> {
        match noun {
            Noun::Product => {
                self.products.insert(id, parse::<ProductDocument>(document)?.version);
            }
            Noun::Sku => {
                let SkuDocument { version, details } = parse(document)?;
                self.skus.insert(id, Sku { version, parent: details.parent });
            }
            Noun::Order => drop(self.orders.insert(id, parse(document)?)),
            Noun::Charge => drop(self.charges.insert(id, parse(document)?)),
            Noun::Attempt => drop(self.attempts.insert(id, parse(document)?)),
        }
        Ok(())
    }

    /// The version of a record that has events; `None` where it is not there.
    pub fn version(&self, noun: Noun, id: Uuid) -> Option<i64> {
        match noun {
            Noun::Product => self.products.get(&id).copied(),
            Noun::Sku => self.skus.get(&id).map(|sku| sku.version),
            Noun::Order => self.orders.get(&id).map(|order| order.version),
            Noun::Charge => self.charges.get(&id).map(|charge| charge.version),
            Noun::Attempt => self.attempts.get(&id).map(|attempt| attempt.version),
        }
    }

    /// The charges of an order that took money.
    pub fn succeeded(&self, order: Uuid) -> impl Iterator<Item = (Uuid, &Charge)> {
        let mine = move |charge: &Charge| charge.order == Some(order) && charge.status == "succeeded";
        self.charges.iter().filter(move |(_, charge)| mine(charge)).map(|(id, charge)| (*id, charge))
    }
}

fn parse<T: DeserializeOwned>(document: &str) -> Result<T, ReadError> {
    serde_json::from_str(document).map_err(|error| ReadError::Unreadable(format!("{error}: {document}")))
}

impl Noun {
    /// The nouns that have events.
    pub const TOLD: [Noun; 4] = [Noun::Product, Noun::Sku, Noun::Order, Noun::Charge];

    /// Its name in events: `order`.
    pub fn name(self) -> &'static str {
        match self {
            Noun::Product => "product",
            Noun::Sku => "sku",
            Noun::Order => "order",
            Noun::Charge => "charge",
            Noun::Attempt => "attempt",
        }
    }

    /// The noun of this name.
    pub fn named(name: &str) -> Option<Noun> {
        [Noun::Product, Noun::Sku, Noun::Order, Noun::Charge, Noun::Attempt]
            .into_iter()
            .find(|noun| noun.name() == name)
    }
}

impl Event {
    /// Whether its object is gone since.
    pub fn is_deletion(&self) -> bool {
        self.name.ends_with(".deleted")
    }

    /// The status that the summary tells; `None` for what has none.
    pub fn status(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body.get("status")?.as_str().map(str::to_owned)
    }
}

impl MovementKind {
    /// The kind with this number in stores.
    pub fn from_number(number: i64) -> Option<MovementKind> {
        use MovementKind::{Adjust, Consume, Release, Reserve, Return};
        [Adjust, Reserve, Consume, Release, Return]
            .into_iter()
            .zip(0..)
            .find(|(_, n)| *n == number)
            .map(|(kind, _)| kind)
    }
}

impl Order {
    /// The lines of goods.
    pub fn goods(&self) -> impl Iterator<Item = (Uuid, &Line)> {
        self.lines.iter().filter_map(|line| line.sku.map(|sku| (sku, line)))
    }

    /// Whether all goods came back.
    pub fn all_returned(&self) -> bool {
        self.goods().all(|(_, line)| line.returned == line.quantity)
    }
}

impl Attempt {
    /// Whether its outcome is known for good.
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "succeeded" | "declined" | "not_executed")
    }

    /// Whether it did what it was to do.
    pub fn succeeded(&self) -> bool {
        self.state == "succeeded"
    }

    /// The one word for what it changes: `pay`, `charge`, `capture`, `void`, `refund`, `return` or
    /// `give_back`.
    pub fn effect(&self) -> &str {
        let named = || self.effect.as_object().and_then(|object| object.keys().next());
        self.effect.as_str().or_else(|| named().map(String::as_str)).unwrap_or_default()
    }

    /// The entry in the charge's list of refunds that it makes.
    pub fn refund(&self) -> Option<Uuid> {
        let named = ["refund", "return", "give_back"].into_iter();
        let effect = named.filter_map(|name| self.effect.get(name)).next()?;
        Uuid::try_parse(effect.get("refund")?.as_str()?).ok()
    }

    /// The goods that it brings back into stock: SKU and quantity.
    pub fn restocks(&self) -> Vec<(Uuid, i64)> {
        let goods =
            self.effect.get("return").and_then(|effect| effect.get("goods")).and_then(Value::as_array);
        let one = |goods: &Value| {
            let sku = Uuid::try_parse(goods.get("sku")?.as_str()?).ok()?;
            let restock = goods.get("restock")?.as_bool()?;
            Some((sku, goods.get("quantity")?.as_i64()?)).filter(|_| restock)
        };
        goods.into_iter().flatten().filter_map(one).collect()
    }
}
