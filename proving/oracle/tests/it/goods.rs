//! Faults in the stock.

use digota_oracle::books::MovementKind;
use digota_oracle::history::{Adjustment, Outcome};
use digota_oracle::rule::LEDGER;
use digota_oracle::rules::{OVERSOLD, PIECES, UNDERSOLD};

use super::case::{Case, Fault};
use super::day::STOCK;

pub(crate) fn plant(case: &mut Case) {
    // Sold and kept: two pieces and one that was sent.
    case.caught(OVERSOLD, |f| f.evidence.history.skus[0].initial = Some(2));
    case.caught(OVERSOLD, |f| {
        let sku = f.day.sku;
        f.known(f.day.sent).goods = vec![(sku, STOCK)];
    });
    case.caught(LEDGER, |f| f.evidence.history.skus[0].initial = Some(STOCK + 1));
    case.caught(LEDGER, |f| f.evidence.books.stock.clear());
    case.caught(PIECES, |f| f.evidence.books.stock.get_mut(&f.day.sku).unwrap().on_hand -= 1);
    case.caught(PIECES, |f| f.line(f.day.sent).moved = 0);
    case.caught(PIECES, |f| drop(f.known(f.day.returned).calls.pop()));
    // One more was put there by somebody who got no answer, or was not.
    case.sound(|f| adjust(f, 1, Outcome::Unknown("cut off".into())));
    case.caught(LEDGER, |f| adjust(f, 1, Outcome::Done(Default::default())));
    undersold(case);
}

fn adjust(f: &mut Fault<'_>, delta: i64, outcome: Outcome) {
    f.evidence.history.skus[0].adjustments.push(Adjustment { delta, outcome });
}

/// Nothing is said of a shop where something was let go or came back: it may have been short for a while.
fn undersold(case: &mut Case) {
    let only_sold = |f: &mut Fault<'_>| {
        let movements = f.evidence.books.movements.get_mut(&f.day.sku).unwrap();
        let sold =
            |kind| matches!(kind, MovementKind::Adjust | MovementKind::Reserve | MovementKind::Consume);
        movements.retain(|movement| sold(movement.kind));
    };
    case.caught(UNDERSOLD, |f| {
        only_sold(f);
        let sku = f.day.sku;
        f.known(f.day.refused).goods = vec![(sku, 1)];
    });
}
