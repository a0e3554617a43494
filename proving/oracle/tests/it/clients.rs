//! Faults in what clients were told.

use digota_oracle::history::{Ask, Call, Order, Outcome};
use digota_oracle::rules::{ASKED, AT_FAULT, KEPT, KEY, NOTHING, OTHER_BODY, OWN_KEY};
use serde_json::json;
use uuid::Uuid;

use super::case::{Case, Fault};

const NOBODY: Uuid = Uuid::from_u128(9);

pub(crate) fn plant(case: &mut Case) {
    kept(case);
    refused(case);
    asked(case);
    keys(case);
    charges(case);
    case.caught(AT_FAULT, |f| f.evidence.history.faults.push("internal error".into()));
}

fn no() -> Outcome {
    Outcome::Refused("ORDER_STATUS".into())
}

fn kept(case: &mut Case) {
    case.caught(KEPT, |f| drop(f.evidence.books.orders.remove(&f.day.declined)));
    case.caught(KEPT, |f| f.known(f.day.paid).total += 1);
    case.caught(KEPT, |f| f.known(f.day.paid).goods[0].1 += 1);
    case.caught(KEPT, |f| f.kept(f.day.paid).charge = None);
    case.caught(KEPT, |f| f.line(f.day.paid).moved = 0);
    case.caught(KEPT, |f| f.line_back(f.day.paid).moved = 0);
    case.caught(KEPT, |f| f.kept(f.day.returned).status = "paid".into());
    case.caught(KEPT, |f| f.kept(f.day.returned).lines[0].returned = 0);
    case.caught(KEPT, |f| f.kept(f.day.sent).status = "paid".into());
    case.caught(KEPT, |f| f.kept(f.day.dropped).status = "created".into());
    case.caught(KEPT, |f| f.kept(f.day.paid).version = 1);
    case.caught(OWN_KEY, |f| seen(f.call(f.day.returned)).object = NOBODY);
    case.caught(OWN_KEY, |f| seen(f.call(f.day.paid)).object = NOBODY);
}

/// What a request was told, which is done.
fn seen(call: &mut Call) -> &mut digota_oracle::history::Seen {
    call.again.clear();
    match &mut call.outcome {
        Outcome::Done(seen) => seen,
        other => panic!("not done: {other:?}"),
    }
}

fn refused(case: &mut Case) {
    let refuse = |call: &mut Call| (call.outcome, call.again) = (no(), Vec::new());
    case.caught(NOTHING, |f| refuse(&mut f.known(f.day.paid).calls[0]));
    case.caught(NOTHING, |f| refuse(f.call(f.day.paid)));
    case.caught(NOTHING, |f| refuse(f.call(f.day.returned)));
    case.caught(NOTHING, |f| f.line_back(f.day.paid).moved -= 1);
    // Who got no answer may find it done.
    case.sound(|f| f.call(f.day.paid).outcome = Outcome::Unknown("cut off".into()));
    // What was refused and is granted when it comes again is granted.
    case.sound(|f| {
        let call = f.call(f.day.returned);
        call.again = vec![std::mem::replace(&mut call.outcome, no())];
    });
}

fn asked(case: &mut Case) {
    case.caught(ASKED, |f| drop(f.known(f.day.sent).calls.pop()));
    case.caught(ASKED, |f| drop(f.known(f.day.dropped).calls.pop()));
    case.caught(ASKED, |f| drop(f.known(f.day.returned).calls.pop()));
    case.caught(ASKED, |f| f.evidence.history.orders.retain(|order| order.id != f.day.refused));
    case.sound(|f| {
        f.evidence.history.orders.retain(|order| order.id != f.day.refused);
        f.evidence.history.orders_given_up = 1;
    });
    case.caught(KEPT, |f| f.evidence.history.orders.push(Order::new(NOBODY, Vec::new(), 1)));
}

fn keys(case: &mut Case) {
    case.caught(KEY, |f| {
        let call = &mut f.known(f.day.paid).calls[0];
        let mut other = call.outcome.done().unwrap().clone();
        other.version += 1;
        call.again.push(Outcome::Done(other));
    });
    case.caught(KEY, |f| {
        f.known(f.day.declined).calls[0].again.push(Outcome::Declined("expired_card".into()))
    });
    case.caught(KEY, |f| f.evidence.books.keys.clear());
    case.caught(KEY, |f| kept_answer(f, json!({ "Ok": { "order": { "version": 9 } } })));
    case.caught(KEY, |f| {
        let (_, attempt) = f.attempt(f.day.paid);
        let again = attempt.clone();
        f.evidence.books.attempts.insert(NOBODY, again);
    });
    case.caught(KEY, |f| {
        let call = &mut f.known(f.day.paid).calls[0];
        (call.outcome, call.again) = (Outcome::Declined("card_declined".into()), Vec::new());
    });
    case.caught(OTHER_BODY, |f| {
        let other = Call { body: "another request".into(), ..f.known(f.day.paid).calls[0].clone() };
        f.known(f.day.paid).calls.push(other);
    });
    case.sound(|f| {
        let outcome = Outcome::Refused("IDEMPOTENCY_KEY_REUSED".into());
        let first = f.known(f.day.paid).calls[0].clone();
        f.known(f.day.paid).calls.push(Call { body: "another".into(), outcome, again: Vec::new(), ..first });
    });
}

/// Changes the answer that is kept for the first payment.
fn kept_answer(f: &mut Fault<'_>, answer: serde_json::Value) {
    let scope = f.known(f.day.paid).calls[0].key.clone().unwrap();
    f.evidence.books.keys.iter_mut().find(|key| key.scope == scope).unwrap().answer = Some(answer);
}

fn charges(case: &mut Case) {
    case.caught(KEPT, |f| f.evidence.history.charges[0].id = Some(NOBODY));
    case.caught(KEPT, |f| f.evidence.history.charges[0].calls[1].ask = Ask::Capture { amount: 401 });
    case.caught(KEPT, |f| f.evidence.history.charges[0].calls[2].ask = Ask::Refund { amount: 101 });
    case.caught(KEPT, |f| f.evidence.history.charges[0].calls[1].ask = Ask::Void);
    case.caught(NOTHING, |f| f.evidence.history.charges[0].calls[1].outcome = no());
    case.caught(NOTHING, |f| f.evidence.history.charges[0].calls[2].outcome = no());
    case.caught(ASKED, |f| drop(f.evidence.history.charges.remove(0)));
    // A charge whose client never got an answer is one that somebody asked for.
    case.sound(|f| {
        let charge = &mut f.evidence.history.charges[0];
        charge.id = None;
        charge.calls[0].outcome = Outcome::Unknown("cut off".into());
    });
}
