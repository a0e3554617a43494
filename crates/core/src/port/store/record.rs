//! A stored document, and the parts of it that the database must see.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Condition;
use crate::time::Timestamp;

/// What kind of thing a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A product.
    Product,
    /// A SKU.
    Sku,
    /// An order.
    Order,
    /// A charge.
    Charge,
    /// An attempt to move money.
    Attempt,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge, Kind::Attempt];

    /// Its name in lower case: `product`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Sku => "sku",
            Kind::Order => "order",
            Kind::Charge => "charge",
            Kind::Attempt => "attempt",
        }
    }
}

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its identity within its kind.
    pub id: Uuid,
    /// 1 when inserted, one more per replacement.
    pub version: u64,
    /// When it was inserted.
    pub created: Timestamp,
    /// When it was last replaced.
    pub updated: Timestamp,
    /// What the database guards or indexes.
    pub keys: Keys,
    /// The document: JSON, without secrets.
    pub body: String,
}

/// The parts of a document that the database must see. Also says the record's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Of a product.
    Product {
        /// Whether it is on sale.
        active: bool,
    },
    /// Of a SKU.
    Sku {
        /// Its product.
        parent: Uuid,
        /// Whether it is on sale.
        active: bool,
    },
    /// Of an order.
    Order {
        /// Number of its status on the wire.
        status: u8,
        /// Whose order; empty if not said.
        email: String,
    },
    /// Of a charge.
    Charge {
        /// The order that it pays, if any.
        order: Option<Uuid>,
        /// Number of its status on the wire.
        status: u8,
    },
    /// Of an attempt.
    Attempt {
        /// What it keeps from being paid or refunded by another meanwhile: the order, or the charge that has none.
        subject: Uuid,
        /// Set while its outcome is not final: when to look at it next.
        due: Option<Timestamp>,
        /// Why a person may have to look at it.
        concern: Concern,
    },
}

/// Why a person may have to look at an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// For no reason.
    #[default]
    None = 0,
    /// Nobody knows whether the gateway acted.
    Unknown = 1,
    /// It ended, and not as anybody expected.
    Review = 2,
}

impl Concern {
    /// All of them.
    pub const ALL: [Concern; 3] = [Concern::None, Concern::Unknown, Concern::Review];
}

impl Keys {
    /// The kind of record that has such keys.
    pub fn kind(&self) -> Kind {
        match self {
            Keys::Product { .. } => Kind::Product,
            Keys::Sku { .. } => Kind::Sku,
            Keys::Order { .. } => Kind::Order,
            Keys::Charge { .. } => Kind::Charge,
            Keys::Attempt { .. } => Kind::Attempt,
        }
    }

    /// The conditions whose totals a store keeps by counter that a record with these keys meets.
    pub fn counted(&self) -> Vec<Condition> {
        match *self {
            Keys::Product { active } => vec![Condition::Active(active)],
            Keys::Sku { parent, active } => vec![Condition::Parent(parent), Condition::Active(active)],
            Keys::Order { status, .. } => vec![Condition::Status(status)],
            Keys::Charge { order, .. } => order.map(Condition::Order).into_iter().collect(),
            Keys::Attempt { .. } => vec![],
        }
    }

    /// Whether a record of `created` with these keys meets a condition.
    pub fn meet(&self, created: Timestamp, condition: &Condition) -> bool {
        match (condition, self) {
            (Condition::Active(want), Keys::Product { active } | Keys::Sku { active, .. }) => want == active,
            (Condition::Parent(want), Keys::Sku { parent, .. }) => want == parent,
            (Condition::Status(want), Keys::Order { status, .. } | Keys::Charge { status, .. }) => {
                want == status
            }
            (Condition::Email(want), Keys::Order { email, .. }) => want == email,
            (Condition::Order(want), Keys::Charge { order, .. }) => Some(*want) == *order,
            (Condition::Open, Keys::Attempt { due, .. }) => due.is_some(),
            (Condition::Concern(want), Keys::Attempt { concern, .. }) => want == concern,
            (Condition::Created { from, until }, _) => {
                from.is_none_or(|from| created >= from) && until.is_none_or(|until| created < until)
            }
            _ => false,
        }
    }
}
