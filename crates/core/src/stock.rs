//! How many of a SKU there are, and every movement that made it so.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::port::store::Change;
use crate::time::Timestamp;

/// The most pieces of one SKU that a hand may make available: far below where a 64-bit sum could wrap.
pub const ON_HAND_MAX: i64 = 1_000_000_000_000;

/// The reason of the first movement of a SKU, which gives it its first quantity.
pub const FIRST_QUANTITY: &str = "first quantity";

/// The stock of a SKU. `0 <= reserved <= on_hand`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Pieces that exist and were not sold.
    pub on_hand: i64,
    /// Of these, pieces held for payments under way.
    pub reserved: i64,
    /// Rises with every movement.
    pub version: u64,
}

impl Stock {
    /// What can still be sold: what the API calls quantity.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// The stock after a change and the movement's two deltas (`on_hand`, `reserved`), or `None` where the guard forbids it.
    pub fn moved(&self, change: Change) -> Option<(Stock, i64, i64)> {
        let (on_hand, reserved) = match change {
            // Only a hand's adjustment may have either sign: a negative reservation would be a release in disguise.
            Change::Reserve(n) | Change::Consume(n) | Change::Release(n) | Change::Return(n) if n < 0 => {
                return None;
            }
            Change::Reserve(n) if n <= self.available() => (0, n),
            Change::Reserve(_) => return None,
            Change::Consume(n) => (n.checked_neg()?, n.checked_neg()?),
            Change::Release(n) => (0, n.checked_neg()?),
            Change::Return(n) | Change::Adjust(n) => (n, 0),
            Change::SetAvailable(q) => (q.checked_sub(self.available())?, 0),
        };
        let next = Stock {
            on_hand: self.on_hand.checked_add(on_hand)?,
            reserved: self.reserved.checked_add(reserved)?,
            version: self.version + 1,
        };
        // What comes back or is let go must always fit: only a hand is held to the bound.
        let by_hand = matches!(change, Change::Adjust(_) | Change::SetAvailable(_));
        let bounded = !by_hand || next.available() <= ON_HAND_MAX;
        let sound = 0 <= next.reserved && next.reserved <= next.on_hand && bounded;
        sound.then_some((next, on_hand, reserved))
    }
}

/// What a movement was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// The first quantity, or one set or changed by hand.
    Adjust,
    /// Held for a payment.
    Reserve,
    /// Sold.
    Consume,
    /// No longer held.
    Release,
    /// Came back from a buyer.
    Return,
}

impl MovementKind {
    /// All kinds, in the order of their numbers in stores.
    pub const ALL: [MovementKind; 5] =
        [Self::Adjust, Self::Reserve, Self::Consume, Self::Release, Self::Return];

    /// The kind of a change.
    pub fn of(change: Change) -> Self {
        match change {
            Change::Reserve(_) => Self::Reserve,
            Change::Consume(_) => Self::Consume,
            Change::Release(_) => Self::Release,
            Change::Return(_) => Self::Return,
            Change::Adjust(_) | Change::SetAvailable(_) => Self::Adjust,
        }
    }

    /// Its number in stores.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What may happen once per reference and SKU: to be reserved, to leave the reservation, to come back. `None`: any number
    /// of times.
    pub fn step(self) -> Option<u8> {
        match self {
            Self::Adjust => None,
            Self::Reserve => Some(1),
            Self::Consume | Self::Release => Some(2),
            Self::Return => Some(3),
        }
    }
}

/// One line of the stock ledger. Never changed, never removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Whose stock.
    pub sku: Uuid,
    /// What it was.
    pub kind: MovementKind,
    /// What `on_hand` changed by.
    pub on_hand: i64,
    /// What `reserved` changed by.
    pub reserved: i64,
    /// The attempt or order that caused it.
    pub reference: Option<Uuid>,
    /// Why, for a person.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A SKU of which there is not enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The SKU.
    pub sku: Uuid,
    /// How many were asked for.
    pub wanted: i64,
    /// How many there are.
    pub available: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changes() -> impl Strategy<Value = Change> {
        let n = prop_oneof![0..20i64, Just(i64::MAX), Just(i64::MIN), Just(-5i64)];
        (0..6u8, n).prop_map(|(which, n)| match which {
            0 => Change::Reserve(n.saturating_abs()),
            1 => Change::Consume(n.saturating_abs()),
            2 => Change::Release(n.saturating_abs()),
            3 => Change::Return(n.saturating_abs()),
            4 => Change::Adjust(n),
            _ => Change::SetAvailable(n),
        })
    }

    proptest! {
        #[test]
        fn stock_never_goes_negative_and_movements_add_up(steps in proptest::collection::vec(changes(), 0..60)) {
            let mut stock = Stock::default();
            let (mut on_hand, mut reserved) = (0i64, 0i64);
            for change in steps {
                if let Some((next, by_hand, by_reserved)) = stock.moved(change) {
                    stock = next;
                    on_hand += by_hand;
                    reserved += by_reserved;
                }
                prop_assert!(0 <= stock.reserved && stock.reserved <= stock.on_hand);
                prop_assert_eq!((stock.on_hand, stock.reserved), (on_hand, reserved));
            }
        }
    }
}
