//! A sound case of three orders, and every kind of fault planted in it: each must be named by its rule.

use serde_json::json;
use uuid::Uuid;

use super::{answers, events, judge, money, rest, stock};
use crate::evidence::Evidence;
use crate::evidence::books::{
    Attempt, Books, Charge, ClientKey, Event, Key, Line, Money, Movement, Order as Kept, Refund, Stock,
};
use crate::evidence::history::{Ask, Call, History, Order, Outcome, Seen, Sku};
use crate::evidence::journal::Entry;

const TOTAL: i64 = 1000;

/// Ids that a person can tell apart: what it is, and of which order.
fn id(what: u8, order: u8) -> Uuid {
    Uuid::from_bytes([what, order, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
}

const fn sku() -> Uuid {
    Uuid::from_u128(5)
}

fn order(n: u8) -> Uuid {
    id(1, n)
}

fn charge(n: u8) -> Uuid {
    id(2, n)
}

fn payment(n: u8) -> Uuid {
    id(3, n)
}

fn refund(n: u8) -> Uuid {
    id(4, n)
}

/// Order 1 is paid and 300 of it given back; order 2 was declined; order 3 was paid and returned.
fn sound() -> Evidence {
    let mut evidence = Evidence {
        history: History {
            skus: vec![Sku { id: sku(), initial: Some(10), price: 500 }],
            ..History::default()
        },
        journal: Vec::new(),
        books: Books::default(),
    };
    paid(&mut evidence, 1);
    given_back(&mut evidence, 1, Ask::Refund(300), 300);
    declined(&mut evidence, 2);
    paid(&mut evidence, 3);
    given_back(&mut evidence, 3, Ask::Return, TOTAL);
    let books = &mut evidence.books;
    move_stock(books, 4, 2, 0, refund(3));
    books.orders.get_mut(&order(3)).unwrap().status = "canceled".into();
    books.orders.get_mut(&order(3)).unwrap().lines[0].returned = 2;
    begin_ledger(books);
    tell(books);
    evidence
}

fn paid(evidence: &mut Evidence, n: u8) {
    enter(evidence, n, "paid", "succeeded", Outcome::Done(seen(order(n), n, 1, 0)));
    journal(evidence, payment(n), payment(n), TOTAL, &format!("Order {}", order(n)));
    move_stock(&mut evidence.books, 1, 0, 2, payment(n));
    move_stock(&mut evidence.books, 2, -2, -2, payment(n));
    let charge = evidence.books.charges.get_mut(&charge(n)).unwrap();
    charge.provider_charge_id = format!("ch_{}", payment(n).simple());
}

fn declined(evidence: &mut Evidence, n: u8) {
    enter(evidence, n, "created", "declined", Outcome::Refused("card_declined".into()));
    journal(evidence, payment(n), payment(n), 0, &format!("Order {}", order(n)));
    move_stock(&mut evidence.books, 1, 0, 2, payment(n));
    move_stock(&mut evidence.books, 3, 0, -2, payment(n));
}

/// An order with its first payment, wherever they are known.
fn enter(evidence: &mut Evidence, n: u8, status: &str, state: &str, outcome: Outcome) {
    let took = state == "succeeded";
    let pay = call(Ask::Pay, format!("pay-{n}"), outcome);
    let (id, books) = (order(n), &mut evidence.books);
    evidence.history.orders.push(Order {
        id,
        sku: sku(),
        quantity: 2,
        total: TOTAL,
        calls: vec![pay.clone()],
    });
    let lines = vec![Line { sku: Some(sku()), quantity: 2, returned: 0 }];
    let kept = Kept {
        money: usd(TOTAL),
        lines,
        charge: took.then_some(charge(n)),
        status: status.into(),
        refunded: 0,
        open_attempt: None,
        pending_charge: None,
    };
    books.orders.insert(id, kept);
    let made = Charge {
        money: usd(TOTAL),
        status: if took { "succeeded" } else { "failed" }.into(),
        provider_charge_id: String::new(),
        order: Some(id),
        refunded: 0,
        pending_refund: 0,
        refunds: vec![],
        open_attempt: None,
    };
    books.charges.insert(charge(n), made);
    books.attempts.insert(payment(n), attempt("charge", n, TOTAL, state, json!("pay"), &pay.key));
    answer(books, &pay, "order");
}

fn given_back(evidence: &mut Evidence, n: u8, ask: Ask, amount: i64) {
    let (object, noun) = if ask == Ask::Return { (order(n), "order") } else { (charge(n), "charge") };
    let back = call(ask, format!("back-{n}"), Outcome::Done(seen(object, n, 2, amount)));
    let books = &mut evidence.books;
    let effect = json!({ "refund": { "refund": id(6, n) } });
    books.attempts.insert(refund(n), attempt("refund", n, amount, "succeeded", effect, &back.key));
    let charge = books.charges.get_mut(&charge(n)).unwrap();
    charge.refunds.push(Refund { id: id(6, n), amount, status: "succeeded".into() });
    charge.refunded = amount;
    books.orders.get_mut(&order(n)).unwrap().refunded = amount;
    answer(books, &back, noun);
    evidence.history.orders.iter_mut().find(|o| o.id == order(n)).unwrap().calls.push(back);
    journal(evidence, refund(n), payment(n), -amount, "");
}

fn call(ask: Ask, key: String, outcome: Outcome) -> Call {
    Call { ask, key, again: vec![outcome.clone()], outcome }
}

fn seen(object: Uuid, n: u8, version: i64, refunded: i64) -> Seen {
    Seen { object, status: 1, charge: Some(charge(n)), refunded, version }
}

fn usd(amount: i64) -> Money {
    Money { amount, currency: "USD".into() }
}

fn attempt(op: &str, n: u8, amount: i64, state: &str, effect: serde_json::Value, key: &str) -> Attempt {
    Attempt {
        op: op.into(),
        effect,
        charge: charge(n),
        order: Some(order(n)),
        money: usd(amount),
        client_key: Some(ClientKey { key: key.into() }),
        state: state.into(),
        checks: 0,
    }
}

fn answer(books: &mut Books, call: &Call, noun: &str) {
    let answer = match &call.outcome {
        Outcome::Done(seen) => json!({ "Ok": { noun: { "id": seen.object, "version": seen.version } } }),
        other => json!({ "Err": format!("{other:?}") }),
    };
    books.keys.push(Key { key: call.key.clone(), answer: Some(answer) });
}

fn journal(evidence: &mut Evidence, attempt: Uuid, charge: Uuid, moved: i64, statement: &str) {
    let seq = evidence.journal.len() as u64 + 1;
    let (currency, statement) = (Some("USD".into()), statement.into());
    evidence.journal.push(Entry { seq, at: 0, attempt, charge, currency, moved, statement });
}

fn move_stock(books: &mut Books, kind: i64, on_hand: i64, reserved: i64, reference: Uuid) {
    books.movements.push(Movement {
        sku: sku(),
        number: 0,
        kind,
        on_hand,
        reserved,
        reference: Some(reference),
    });
}

/// Puts the first quantity before all movements, numbers them, and sets the stock to their sum.
fn begin_ledger(books: &mut Books) {
    let first = Movement { sku: sku(), number: 0, kind: 0, on_hand: 10, reserved: 0, reference: None };
    books.movements.insert(0, first);
    for (movement, number) in books.movements.iter_mut().zip(1..) {
        movement.number = number;
    }
    let sum = |of: fn(&Movement) -> i64| books.movements.iter().map(of).sum();
    let version = books.movements.len() as i64;
    let stock = Stock { on_hand: sum(|m| m.on_hand), reserved: sum(|m| m.reserved), version };
    books.stock.insert(sku(), stock);
}

/// Two events for every order and one for the SKU.
fn tell(books: &mut Books) {
    let orders: Vec<Uuid> = books.orders.keys().copied().collect();
    let mut tell = |kind: &str, object, version| {
        let position = books.events.len() as i64 + 1;
        books.events.push(Event { position, kind: kind.into(), object, version });
    };
    tell("sku", sku(), 1);
    for order in &orders {
        tell("order", *order, 1);
        tell("order", *order, 2);
    }
    books.versions.push(("sku".into(), sku(), 1));
    books.versions.extend(orders.into_iter().map(|order| ("order".into(), order, 2)));
}

/// Asserts that the rule is named once the fault is planted.
fn caught(rule: &str, plant: impl FnOnce(&mut Evidence)) {
    let mut evidence = sound();
    plant(&mut evidence);
    let found = judge(&evidence);
    assert!(found.iter().any(|violation| violation.rule == rule), "{rule}: {found:?}");
}

fn kept(evidence: &mut Evidence, n: u8) -> &mut Kept {
    evidence.books.orders.get_mut(&order(n)).unwrap()
}

fn first_call(evidence: &mut Evidence, n: usize) -> &mut Call {
    &mut evidence.history.orders[n - 1].calls[0]
}

#[test]
fn a_sound_case_is_not_blamed() {
    assert_eq!(judge(&sound()), []);
}

#[test]
fn money_that_gateway_and_store_tell_differently_is_caught() {
    caught(money::AGREE, |e| e.journal[0].moved += 1);
    caught(money::AGREE, |e| e.journal[0].currency = Some("EUR".into()));
    caught(money::AGREE, |e| e.journal[1].moved -= 1);
    caught(money::AGREE, |e| e.journal.truncate(4));
    caught(money::AGREE, |e| drop(e.books.attempts.remove(&payment(1))));
    caught(money::AGREE, |e| e.books.attempts.get_mut(&payment(1)).unwrap().state = "declined".into());
    caught(money::AGREE, |e| e.books.charges.get_mut(&charge(1)).unwrap().status = "failed".into());
    caught(money::AGREE, |e| e.books.charges.get_mut(&charge(1)).unwrap().refunded = 299);
    caught(money::AGREE, |e| e.books.charges.get_mut(&charge(1)).unwrap().refunds.clear());
    caught(money::AGREE, |e| e.books.charges.get_mut(&charge(1)).unwrap().provider_charge_id.clear());
}

#[test]
fn a_second_or_a_wrong_charge_is_caught() {
    let statement = format!("Order {}", order(1));
    caught(money::ONCE, |e| journal(e, id(9, 1), id(9, 1), TOTAL, &statement));
    caught(money::ONCE, |e| e.journal[0].moved = TOTAL - 1);
    caught(money::ONCE, |e| journal(e, id(9, 1), payment(1), -TOTAL, ""));
    caught(money::ASKED, |e| journal(e, id(9, 9), id(9, 9), 5, "Order of nobody"));
}

#[test]
fn an_order_that_is_not_what_its_money_says_is_caught() {
    caught(money::PAID, |e| kept(e, 1).status = "created".into());
    caught(money::PAID, |e| kept(e, 2).status = "paid".into());
    caught(money::PAID, |e| kept(e, 1).refunded = 0);
    caught(money::PAID, |e| kept(e, 1).charge = Some(charge(3)));
    caught(money::PAID, |e| kept(e, 1).status = "canceled".into());
}

#[test]
fn a_lost_acknowledgement_is_caught() {
    caught(answers::KEPT, |e| drop(e.books.orders.remove(&order(2))));
    caught(answers::KEPT, |e| kept(e, 1).money.amount = 1);
    caught(answers::KEPT, |e| kept(e, 1).charge = None);
    caught(answers::KEPT, |e| kept(e, 3).status = "paid".into());
    caught(answers::KEPT, |e| e.journal[0].moved = 0);
    caught(answers::KEPT, |e| e.journal[1].moved = 0);
}

#[test]
fn money_that_moved_after_a_refusal_is_caught() {
    let no = || Outcome::Refused("OUT_OF_STOCK".into());
    caught(answers::REFUSED, |e| first_call(e, 1).outcome = no());
    caught(answers::REFUSED, |e| e.history.orders[0].calls[1].outcome = no());
    caught(answers::REFUSED, |e| e.journal[2].moved = TOTAL);
    caught(answers::REFUSED, |e| e.journal[1].moved = -301);
}

#[test]
fn two_answers_or_effects_of_one_key_are_caught() {
    caught(answers::KEY, |e| first_call(e, 1).again.push(Outcome::Done(seen(order(1), 1, 7, 0))));
    caught(answers::KEY, |e| first_call(e, 1).again.push(Outcome::Refused("ORDER_STATUS".into())));
    caught(answers::KEY, |e| e.books.keys[0].answer = Some(json!({ "Ok": { "order": { "version": 9 } } })));
    caught(answers::KEY, |e| drop(e.books.keys.remove(0)));
    caught(answers::KEY, |e| first_call(e, 1).outcome = Outcome::Refused("card_declined".into()));
    caught(answers::KEY, |e| {
        let again = e.books.attempts[&payment(1)].clone();
        e.books.attempts.insert(id(9, 1), again);
    });
    caught(answers::FAULT, |e| e.history.faults.push("internal error".into()));
}

#[test]
fn stock_that_does_not_add_up_is_caught() {
    let stock = |e: &mut Evidence, by| e.books.stock.get_mut(&sku()).unwrap().on_hand += by;
    caught(stock::LEDGER, |e| stock(e, 1));
    caught(stock::PIECES, |e| stock(e, -1));
    caught(stock::LEDGER, |e| e.books.stock.get_mut(&sku()).unwrap().reserved = 1);
    caught(stock::LEDGER, |e| e.books.movements.truncate(5));
    caught(stock::LEDGER, |e| e.books.movements[0].on_hand = 11);
    caught(stock::LEDGER, |e| e.books.stock.clear());
    caught(stock::OVERSOLD, |e| e.history.skus[0].initial = Some(1));
    caught(stock::PIECES, |e| kept(e, 1).lines[0].returned = 1);
    caught(stock::PIECES, |e| kept(e, 3).lines[0].returned = 1);
}

#[test]
fn a_reservation_that_does_not_end_as_its_payment_is_caught() {
    caught(stock::STEPS, |e| e.books.movements.truncate(2));
    caught(stock::STEPS, |e| e.books.movements[2].kind = 3);
    caught(stock::STEPS, |e| e.books.movements[4].kind = 2);
    caught(stock::STEPS, |e| e.books.movements[1].reference = None);
    caught(stock::STEPS, |e| {
        let again = e.books.movements[2].clone();
        e.books.movements.push(again);
    });
}

#[test]
fn what_is_left_in_between_is_caught() {
    caught(rest::LIMBO, |e| e.books.due.push(payment(1)));
    caught(rest::LIMBO, |e| e.books.attempts.get_mut(&payment(2)).unwrap().state = "unknown".into());
    caught(rest::LIMBO, |e| e.books.charges.get_mut(&charge(2)).unwrap().status = "pending".into());
    caught(rest::LIMBO, |e| e.books.charges.get_mut(&charge(1)).unwrap().pending_refund = 1);
    caught(rest::LIMBO, |e| {
        e.books.charges.get_mut(&charge(1)).unwrap().refunds[0].status = "pending".into()
    });
    caught(rest::LIMBO, |e| kept(e, 2).open_attempt = Some(payment(2)));
    caught(rest::LIMBO, |e| kept(e, 2).pending_charge = Some(charge(2)));
    caught(rest::LIMBO, |e| e.books.keys[0].answer = None);
}

#[test]
fn events_with_a_gap_or_out_of_order_are_caught() {
    caught(events::DENSE, |e| drop(e.books.events.remove(0)));
    caught(events::ORDERED, |e| drop(e.books.events.remove(1)));
    caught(events::ORDERED, |e| e.books.events.swap(1, 2));
    caught(events::LAST, |e| drop(e.books.events.pop()));
    caught(events::LAST, |e| e.books.versions[0].2 = 2);
    caught(events::LAST, |e| drop(e.books.versions.pop()));
}

#[test]
fn a_record_of_the_gateway_with_a_gap_is_not_believed() {
    caught("the gateway's record is whole", |e| drop(e.journal.remove(2)));
}
