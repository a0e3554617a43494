//! Every kind of fault, planted in sound books, is named by its rule.

use std::collections::BTreeSet;

use digota_verify::books::{Attempt, Charge, MovementKind, Order};
use digota_verify::rule::{
    AGREES, BOUNDS, ENDS_ONCE, EVENTS, FINAL_ANSWERS, LEDGER, LIMBO, NAMED, ONCE, ONE_OPEN, PAID, PATH,
    REFUNDS, SOLD, STORE, SUMS, TOTAL, VERSIONS,
};
use digota_verify::{Books, Rule, When, judge};
use serde_json::json;
use uuid::Uuid;

use super::shop::Day;

/// The day's books, with a fault, and which rules named it.
struct Case {
    day: Day,
    books: Books,
    caught: BTreeSet<Rule>,
}

impl Case {
    async fn new() -> Case {
        let day = Day::pass().await;
        let books = day.world.books().await;
        Case { day, books, caught: BTreeSet::new() }
    }

    /// Asserts that the rule is named once the fault is planted.
    fn caught(&mut self, rule: Rule, plant: impl FnOnce(&mut Fault<'_>)) {
        let mut books = self.books.clone();
        plant(&mut Fault { books: &mut books, day: &self.day });
        let found = judge(&books, When::AtRest);
        assert!(found.iter().any(|violation| violation.rule == rule), "{rule}: {found:?}");
        self.caught.insert(rule);
    }
}

/// Where a fault is planted.
struct Fault<'a> {
    books: &'a mut Books,
    day: &'a Day,
}

impl Fault<'_> {
    fn paid(&mut self) -> &mut Order {
        self.books.orders.get_mut(&self.day.paid.id.0).unwrap()
    }

    fn declined(&mut self) -> &mut Order {
        self.books.orders.get_mut(&self.day.declined.id.0).unwrap()
    }

    fn returned(&mut self) -> &mut Order {
        self.books.orders.get_mut(&self.day.returned.id.0).unwrap()
    }

    fn charge(&mut self) -> &mut Charge {
        self.books.charges.get_mut(&self.day.paid.charge.unwrap().0).unwrap()
    }

    fn attempt(&mut self, order: Uuid, effect: &str) -> (Uuid, &mut Attempt) {
        let mine = |attempt: &Attempt| attempt.order == Some(order) && attempt.effect() == effect;
        self.books
            .attempts
            .iter_mut()
            .find(|(_, attempt)| mine(attempt))
            .map(|(id, attempt)| (*id, attempt))
            .unwrap()
    }

    fn payment(&mut self) -> (Uuid, &mut Attempt) {
        let order = self.day.paid.id.0;
        self.attempt(order, "pay")
    }

    fn move_stock(&mut self, at: usize, change: impl FnOnce(&mut digota_verify::books::Movement)) {
        let sku = self.day.world.sku.0;
        change(&mut self.books.movements.get_mut(&sku).unwrap()[at]);
    }

    fn stock(&mut self) -> &mut digota_verify::books::Stock {
        self.books.stock.get_mut(&self.day.world.sku.0).unwrap()
    }

    fn event_of(&mut self, object: Uuid, version: i64) -> usize {
        self.books.events.iter().position(|e| (e.object, e.version) == (object, version)).unwrap()
    }
}

fn stock(case: &mut Case) {
    case.caught(BOUNDS, |f| f.stock().reserved = f.stock().on_hand + 1);
    case.caught(BOUNDS, |f| f.move_stock(1, |m| m.reserved = 11));
    case.caught(LEDGER, |f| f.stock().on_hand += 1);
    case.caught(LEDGER, |f| f.move_stock(2, |m| m.number = 7));
    case.caught(LEDGER, |f| drop(f.books.movements.remove(&f.day.world.sku.0)));
    case.caught(LEDGER, |f| f.books.stock.retain(|sku, _| *sku != f.day.world.sku.0));
    // The ledger begins: 10 opened, reserved for the first payment, consumed, reserved for the second, released.
    case.caught(ENDS_ONCE, |f| f.move_stock(1, |m| m.reference = None));
    case.caught(ENDS_ONCE, |f| f.move_stock(4, |m| m.kind = MovementKind::Consume));
    case.caught(ENDS_ONCE, |f| f.move_stock(2, |m| m.reserved = -1));
    case.caught(ENDS_ONCE, |f| f.move_stock(0, |m| m.kind = MovementKind::Return));
}

fn sold(case: &mut Case) {
    case.caught(SOLD, |f| f.move_stock(2, |m| (m.kind, m.on_hand) = (MovementKind::Release, 0)));
    case.caught(SOLD, |f| f.move_stock(4, |m| (m.kind, m.on_hand) = (MovementKind::Consume, -2)));
    case.caught(SOLD, |f| f.move_stock(1, |m| m.reserved = 3));
    case.caught(SOLD, |f| f.paid().lines[0].stocked = false);
    case.caught(SOLD, |f| f.paid().lines[0].returned = 3);
    case.caught(SOLD, |f| f.returned().lines[0].returned = 0);
    case.caught(SOLD, |f| f.declined().lines[0].stocked = true);
    case.caught(SOLD, |f| {
        let sku = f.day.world.sku.0;
        f.books.movements.get_mut(&sku).unwrap().truncate(4);
    });
}

fn orders(case: &mut Case) {
    case.caught(ONCE, |f| {
        let second = f.charge().clone();
        f.books.charges.insert(Uuid::from_u128(9), second);
    });
    case.caught(PAID, |f| f.paid().status = "created".into());
    case.caught(PAID, |f| f.declined().status = "paid".into());
    case.caught(PAID, |f| f.paid().charge = f.day.returned.charge.map(|charge| charge.0));
    case.caught(PAID, |f| f.paid().status = "canceled".into());
    case.caught(PAID, |f| f.charge().status = "failed".into());
    case.caught(PATH, |f| f.paid().status = "created".into());
    case.caught(PATH, |f| f.charge().status = "failed".into());
    case.caught(PATH, |f| {
        let at = f.event_of(f.day.returned.id.0, 4);
        f.books.events[at].body = r#"{"status":"created"}"#.into();
    });
    case.caught(TOTAL, |f| f.paid().money.amount += 1);
    case.caught(TOTAL, |f| f.paid().lines[1].unit_price += 1);
    case.caught(TOTAL, |f| f.charge().money.currency = "EUR".into());
    case.caught(SUMS, |f| f.paid().refunded = 0);
    case.caught(SUMS, |f| f.charge().refunded = 299);
    case.caught(SUMS, |f| f.charge().pending_refund = 1);
    case.caught(REFUNDS, |f| f.charge().refunds[0].amount = 9000);
}

fn attempts(case: &mut Case) {
    case.caught(AGREES, |f| f.payment().1.state = "declined".into());
    case.caught(AGREES, |f| f.payment().1.state = "unknown".into());
    case.caught(AGREES, |f| f.charge().refunds.clear());
    case.caught(AGREES, |f| f.charge().refunds[0].amount = 301);
    case.caught(AGREES, |f| {
        let (id, _) = f.payment();
        f.books.attempts.remove(&id);
    });
    case.caught(ONE_OPEN, |f| f.payment().1.state = "unknown".into());
    case.caught(ONE_OPEN, |f| f.paid().open_attempt = Some(Uuid::from_u128(9)));
    case.caught(ONE_OPEN, |f| {
        let (id, _) = f.payment();
        f.charge().open_attempt = Some(id);
    });
    case.caught(NAMED, |f| drop(f.books.orders.remove(&f.day.paid.id.0)));
    case.caught(NAMED, |f| drop(f.books.charges.remove(&f.day.paid.charge.unwrap().0)));
    case.caught(NAMED, |f| f.move_stock(1, |m| m.reference = Some(Uuid::from_u128(9))));
    case.caught(LIMBO, |f| f.payment().1.state = "unknown".into());
    case.caught(LIMBO, |f| f.charge().pending_refund = 1);
    case.caught(LIMBO, |f| f.charge().refunds[0].status = "pending".into());
    case.caught(LIMBO, |f| f.paid().pending_charge = f.day.paid.charge.map(|charge| charge.0));
    case.caught(LIMBO, |f| f.stock().reserved = 1);
    case.caught(LIMBO, |f| f.books.keys[0].answer = None);
}

fn keys(case: &mut Case) {
    case.caught(FINAL_ANSWERS, |f| f.books.keys[0].answer = None);
    case.caught(FINAL_ANSWERS, |f| f.books.keys[0].answer = Some(json!({ "Err": { "Busy": {} } })));
    case.caught(FINAL_ANSWERS, |f| {
        f.books.keys[0].answer = Some(json!({ "Err": { "Declined": { "advice": "retry_later" } } }));
    });
    case.caught(FINAL_ANSWERS, |f| f.payment().1.state = "unknown".into());
    case.caught(FINAL_ANSWERS, |f| f.payment().1.state = "not_executed".into());
}

fn events(case: &mut Case) {
    case.caught(EVENTS, |f| drop(f.books.events.pop()));
    case.caught(EVENTS, |f| drop(f.books.events.remove(1)));
    case.caught(EVENTS, |f| f.books.events[3].position = 3);
    case.caught(EVENTS, |f| f.paid().version += 1);
    case.caught(EVENTS, |f| drop(f.books.orders.remove(&f.day.declined.id.0)));
    case.caught(EVENTS, |f| {
        let at = f.event_of(f.day.paid.id.0, 2);
        f.books.events[at].version = 3;
    });
    case.caught(VERSIONS, |f| {
        let at = f.event_of(f.day.paid.id.0, 3);
        f.books.events[at].version = 2;
    });
}

#[tokio::test]
async fn every_rule_names_its_faults() {
    let mut case = Case::new().await;
    stock(&mut case);
    sold(&mut case);
    orders(&mut case);
    attempts(&mut case);
    keys(&mut case);
    events(&mut case);
    let missed: Vec<&Rule> = STORE.iter().filter(|rule| !case.caught.contains(rule)).collect();
    assert!(missed.is_empty(), "no fault is planted for {missed:?}");
}
