//! What a condition can be asked of.

use digota_core::port::store::{Condition, Kind};

/// Whether any record of a kind can meet a condition.
pub(crate) fn is_possible(kind: Kind, condition: &Condition) -> bool {
    match condition {
        Condition::Created { .. } => true,
        Condition::Active(_) => matches!(kind, Kind::Product | Kind::Sku),
        Condition::Parent(_) => kind == Kind::Sku,
        Condition::Status(_) => matches!(kind, Kind::Order | Kind::Charge),
        Condition::Email(_) => kind == Kind::Order,
        Condition::Order(_) => kind == Kind::Charge,
        Condition::Open | Condition::Concern(_) => kind == Kind::Attempt,
    }
}
