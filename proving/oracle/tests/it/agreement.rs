//! Faults between gateway, clients and store.

use digota_oracle::books::{Event, Money};
use digota_oracle::journal::Entry;
use digota_oracle::rule::{AGREES, ONCE, ONE_OPEN, PAID, REFUNDS, TOTAL};
use digota_oracle::rules::{ASKED, DELIVERED, IN_ORDER, NO_PHANTOM, SECRETS, UNKNOWN, WHOLE};
use uuid::Uuid;

use super::case::{Case, Fault};

const NOBODY: Uuid = Uuid::from_u128(9);

pub(crate) fn plant(case: &mut Case) {
    money(case);
    a_second_charge(case);
    the_gateway_s_own(case);
    events(case);
}

fn money(case: &mut Case) {
    case.caught(AGREES, |f| f.line(f.day.paid).moved += 1);
    case.caught(AGREES, |f| f.line(f.day.paid).currency = Some("EUR".into()));
    case.caught(AGREES, |f| f.line_back(f.day.paid).moved -= 1);
    case.caught(AGREES, |f| f.evidence.journal.truncate(1));
    case.caught(AGREES, |f| {
        let (attempt, _) = f.attempt(f.day.paid);
        f.evidence.books.attempts.remove(&attempt);
    });
    case.caught(AGREES, |f| {
        let charge = f.kept(f.day.paid).charge.unwrap();
        f.evidence.books.charges.get_mut(&charge).unwrap().provider_charge_id.clear();
    });
    case.caught(AGREES, |f| {
        let money = Money { amount: 3, currency: "USD".into() };
        f.attempt(f.day.paid).1.money = money;
    });
    case.caught(PAID, |f| f.line(f.day.paid).moved = 0);
    case.caught(PAID, |f| f.line(f.day.declined).moved = 1170);
    case.caught(PAID, |f| f.kept(f.day.paid).refunded = 0);
    case.caught(UNKNOWN, |f| f.line(f.day.declined).status = "succeeded".into());
    case.caught(UNKNOWN, |f| f.line(f.day.declined).status = "pending".into());
    case.caught(UNKNOWN, |f| f.attempt(f.day.paid).1.state = "not_executed".into());
}

fn a_second_charge(case: &mut Case) {
    let again = |f: &mut Fault<'_>, order: Uuid| {
        let first = f.line(order).clone();
        f.add_line(Entry { attempt: NOBODY, charge: NOBODY, key: "again".into(), ..first });
    };
    case.caught(ONCE, |f| again(f, f.day.paid));
    case.caught(TOTAL, |f| f.line(f.day.paid).moved -= 1);
    case.caught(REFUNDS, |f| f.line_back(f.day.paid).moved = -9000);
    case.caught(ASKED, |f| {
        let order = f.day.sent;
        f.evidence.history.orders.retain(|other| other.id != order);
    });
    case.caught(ASKED, |f| {
        let first = f.line(f.day.paid).clone();
        let statement = format!("Order {NOBODY}");
        f.add_line(Entry { attempt: NOBODY, charge: NOBODY, statement, ..first });
    });
}

fn the_gateway_s_own(case: &mut Case) {
    case.caught(WHOLE, |f| drop(f.evidence.journal.remove(1)));
    case.caught(ONE_OPEN, |f| {
        let first = f.line(f.day.paid).clone();
        f.add_line(Entry { key: "another".into(), moved: 0, ..first });
    });
    case.caught(ONE_OPEN, |f| {
        let first = f.line(f.day.declined).clone();
        for attempt in [NOBODY, Uuid::from_u128(10)] {
            let status = "pending".to_owned();
            f.add_line(Entry { attempt, charge: attempt, status, key: attempt.to_string(), ..first.clone() });
        }
    });
    case.caught(UNKNOWN, |f| {
        let first = f.line(f.day.declined).clone();
        f.add_line(Entry { status: "succeeded".into(), ..first });
    });
}

fn events(case: &mut Case) {
    case.caught(DELIVERED, |f| drop(f.evidence.events.pop()));
    case.caught(DELIVERED, |f| f.evidence.events.clear());
    case.caught(IN_ORDER, |f| f.evidence.events.reverse());
    case.caught(IN_ORDER, |f| drop(f.evidence.events.remove(2)));
    case.caught(NO_PHANTOM, |f| f.evidence.events[3].id = NOBODY);
    case.caught(NO_PHANTOM, |f| {
        let last = f.evidence.events.last().unwrap().clone();
        let (position, version) = (last.position + 1, last.version + 1);
        f.evidence.events.push(Event { position, version, id: NOBODY, ..last });
    });
    case.caught(SECRETS, |f| f.evidence.events[3].body.push_str("4242424242424242"));
    case.caught(SECRETS, |f| f.evidence.events[3].id = f.evidence.events[2].id);
    // Events may come twice around a lost connection.
    case.sound(|f| {
        let again = f.evidence.events[4..9].to_vec();
        f.evidence.events.splice(9..9, again);
    });
}
