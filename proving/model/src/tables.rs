//! The moves that were seen, beside the shop's own tables of legal moves.

use std::collections::{BTreeMap, BTreeSet};

use digota_core::order::OrderStatus;
use digota_core::order::status::Move;
use digota_core::payment::ChargeStatus;
use digota_oracle::books::Event;
use uuid::Uuid;

/// Moves from one status to another: of what, from where, to where.
pub type Moves = BTreeSet<(&'static str, String, String)>;

const STEPS: [Move; 4] = [Move::Pay, Move::Fulfill, Move::Cancel, Move::Return];

/// Every move that the shop's tables allow, but those of a charge that failed: money that comes then takes a gateway that
/// breaks its word, and here it keeps it.
pub fn legal() -> Moves {
    let order =
        |from: OrderStatus, to: OrderStatus| STEPS.into_iter().any(|step| from.after(step) == Some(to));
    let name = |status: OrderStatus| status.name().to_lowercase();
    let mut moves = Moves::new();
    for (from, to) in pairs(&OrderStatus::ALL).filter(|(from, to)| order(*from, *to)) {
        moves.insert(("order", name(from), name(to)));
    }
    let honest = |from: ChargeStatus, to| from != ChargeStatus::Failed && from.may_become(to);
    for (from, to) in pairs(&ChargeStatus::ALL).filter(|(from, to)| honest(*from, *to)) {
        moves.insert(("charge", from.name().to_owned(), to.name().to_owned()));
    }
    moves
}

fn pairs<T: Copy>(all: &[T]) -> impl Iterator<Item = (T, T)> {
    all.iter().flat_map(|from| all.iter().map(|to| (*from, *to)))
}

/// Every move that events tell.
pub(crate) fn seen(events: &[Event]) -> Moves {
    let mut moves = Moves::new();
    let mut at: BTreeMap<Uuid, String> = BTreeMap::new();
    for event in events {
        let kind = if event.kind == "order" { "order" } else { "charge" };
        let Some(to) = event.status() else { continue };
        if let Some(from) = at.insert(event.object, to.clone())
            && from != to
        {
            moves.insert((kind, from, to));
        }
    }
    moves
}
