//! One effect and one answer per idempotency key.

use std::collections::{BTreeMap, BTreeSet};

use digota_verify::Found;
use serde_json::Value;

use super::Case;
use crate::evidence::books::{Key, Scope};
use crate::evidence::history::{Ask, Call, Outcome, Seen};
use crate::rules::{KEY, NOTHING, OTHER_BODY};

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let kept: BTreeMap<&Scope, &Key> = case.books.keys.iter().map(|key| (&key.scope, key)).collect();
    let mut effects: BTreeMap<&Scope, usize> = BTreeMap::new();
    for key in case.books.attempts.values().filter(|a| a.succeeded()).filter_map(|a| a.client_key.as_ref()) {
        *effects.entry(key).or_default() += 1;
    }
    for (key, count) in &effects {
        found.insist(*count == 1, KEY, || format!("key {}", key.key), || format!("it had {count} effects"));
    }
    let mut requests: BTreeMap<&Scope, Vec<&Call>> = BTreeMap::new();
    for (calls, call) in calls(case) {
        told_the_same(call, found);
        let Some(key) = &call.key else { continue };
        requests.entry(key).or_default().push(call);
        let paid =
            |other: &Call| other.ask == Ask::Pay && other.key.as_ref() != Some(key) && other.done().is_some();
        let joined = call.ask == Ask::Pay && calls.iter().any(paid);
        answer_is_kept(call, kept.get(key).copied(), joined, found);
    }
    for (key, calls) in requests {
        let done_for = calls.iter().any(|call| call.may_be_done());
        let none = done_for || !effects.contains_key(key);
        found.insist(
            none,
            NOTHING,
            || format!("key {}", key.key),
            || {
                format!(
                    "it had an effect and was told {:?}",
                    calls.iter().map(|call| call.result()).collect::<Vec<_>>()
                )
            },
        );
        one_request(key, &calls, found);
    }
}

/// Every call, with the others about the same thing.
fn calls<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a [Call], &'a Call)> {
    let orders = case.history.orders.iter().map(|order| order.calls.as_slice());
    let charges = case.history.charges.iter().map(|charge| charge.calls.as_slice());
    orders.chain(charges).flat_map(|calls| calls.iter().map(move |call| (calls, call)))
}

/// The store keeps the answer that the client got.
fn answer_is_kept(call: &Call, key: Option<&Key>, joined: bool, found: &mut Found) {
    let about = || format!("key {}", call.key.as_ref().map(|key| key.key.as_str()).unwrap_or_default());
    let answer = key.and_then(|key| key.answer.as_ref());
    match call.result() {
        Outcome::Done(seen) => {
            let version = answer.and_then(|answer| version(answer, seen));
            found.insist(version == Some(seen.version), KEY, about, || {
                format!("told was version {}, kept is {answer:?}", seen.version)
            });
        }
        Outcome::Declined(_) | Outcome::Refused(_) => {
            // A key that is refused because of another request keeps that one's answer.
            let reused = call.may_be_done() || call.refusal() == Some("IDEMPOTENCY_KEY_REUSED");
            // Who joined another's payment, went away and asked again may be told that the order is paid already, just before what
            // was joined keeps its answer: both say that it is paid.
            let paid_already = joined && call.refusal() == Some("ORDER_STATUS");
            let other = answer.is_some_and(|answer| answer.get("Ok").is_some());
            found.insist(reused || paid_already || !other, KEY, about, || {
                format!("told was {:?}, kept is {answer:?}", call.result())
            });
        }
        Outcome::Unknown(_) => {}
    }
}

fn version(answer: &Value, seen: &Seen) -> Option<i64> {
    let noun = answer.get("Ok")?.as_object()?.values().next()?;
    (noun.get("id")?.as_str()? == seen.object.to_string()).then(|| noun.get("version")?.as_i64())?
}

fn told_the_same(call: &Call, found: &mut Found) {
    let mut first = &call.outcome;
    for again in &call.again {
        let sound = !first.is_kept() || matches!(again, Outcome::Unknown(_)) || first == again;
        found.insist(
            sound,
            KEY,
            || format!("key {:?}", call.key.as_ref().map(|key| &key.key)),
            || format!("told was {first:?}, then {again:?}"),
        );
        // What was not kept may have been granted since, and is kept from then on.
        first = if first.is_kept() { first } else { again };
    }
}

/// Of different requests with the same key one at most is answered.
fn one_request(key: &Scope, calls: &[&Call], found: &mut Found) {
    let answered: BTreeSet<&str> =
        calls.iter().filter(|call| call.result().is_kept()).map(|call| call.body.as_str()).collect();
    found.insist(
        answered.len() <= 1,
        OTHER_BODY,
        || format!("key {}", key.key),
        || format!("{} different requests were answered", answered.len()),
    );
}
