//! Where an order stands, and the moves that are legal.

use serde::{Deserialize, Serialize};

/// Where an order stands, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Made, not paid.
    Created = 0,
    /// Paid.
    Paid = 1,
    /// Given up before payment, or returned before it was sent.
    Canceled = 2,
    /// Sent.
    Fulfilled = 3,
    /// Returned after it was sent.
    Returned = 4,
}

/// What may happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The buyer pays.
    Pay,
    /// The seller sends it.
    Fulfill,
    /// Somebody gives it up.
    Cancel,
    /// Everything comes back.
    Return,
}

/// Every legal move: from where, what, to where.
const MOVES: [(OrderStatus, Move, OrderStatus); 5] = [
    (OrderStatus::Created, Move::Pay, OrderStatus::Paid),
    (OrderStatus::Created, Move::Cancel, OrderStatus::Canceled),
    (OrderStatus::Paid, Move::Fulfill, OrderStatus::Fulfilled),
    (OrderStatus::Paid, Move::Return, OrderStatus::Canceled),
    (OrderStatus::Fulfilled, Move::Return, OrderStatus::Returned),
];

impl OrderStatus {
    /// All statuses.
    pub const ALL: [OrderStatus; 5] =
        [Self::Created, Self::Paid, Self::Canceled, Self::Fulfilled, Self::Returned];

    /// Where a move leads, or `None` where it is not legal.
    pub fn after(self, step: Move) -> Option<OrderStatus> {
        MOVES.iter().find(|(from, what, _)| *from == self && *what == step).map(|(_, _, to)| *to)
    }

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The status with this number on the wire.
    pub fn from_number(number: i32) -> Option<OrderStatus> {
        Self::ALL.into_iter().find(|status| i32::from(status.number()) == number)
    }

    /// Its name on the wire: `Paid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Paid => "Paid",
            Self::Canceled => "Canceled",
            Self::Fulfilled => "Fulfilled",
            Self::Returned => "Returned",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_MOVES: [Move; 4] = [Move::Pay, Move::Fulfill, Move::Cancel, Move::Return];

    #[test]
    fn a_paid_order_cannot_be_paid_again() {
        for status in OrderStatus::ALL {
            let payable = status.after(Move::Pay).is_some();
            assert_eq!(payable, status == OrderStatus::Created, "{}", status.name());
        }
    }

    #[test]
    fn canceled_and_returned_are_the_end() {
        for end in [OrderStatus::Canceled, OrderStatus::Returned] {
            assert!(ALL_MOVES.into_iter().all(|step| end.after(step).is_none()));
        }
    }

    #[test]
    fn every_status_can_be_reached_and_every_open_one_left() {
        let mut seen = vec![OrderStatus::Created];
        while let Some(next) = seen
            .iter()
            .flat_map(|from| ALL_MOVES.into_iter().filter_map(|step| from.after(step)))
            .find(|to| !seen.contains(to))
        {
            seen.push(next);
        }
        assert_eq!(seen.len(), OrderStatus::ALL.len());
    }
}
