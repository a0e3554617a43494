//! A key has its answer when its attempt has its outcome, and only an answer for good.

use serde_json::Value;

use crate::books::{Books, Key};
use crate::rule::{FINAL_ANSWERS, Found};

pub(super) fn judge(books: &Books, found: &mut Found) {
    for key in &books.keys {
        let about = || format!("key {}", key.scope.key);
        if let Some(answer) = &key.answer {
            found.insist(stays_true(answer), FINAL_ANSWERS, about, || format!("kept is {answer}"));
        }
        let attempt = key.attempt.and_then(|attempt| books.attempts.get(&attempt));
        let state = attempt.map(|attempt| attempt.state.as_str());
        // An answer is for good, also where the gateway says something else later.
        if attempt.is_some_and(|attempt| attempt.late) {
            continue;
        }
        found.insist(fits(key, state), FINAL_ANSWERS, about, || {
            format!("its attempt {:?} is {state:?}, kept is {:?}", key.attempt, key.answer)
        });
    }
}

/// Whether an answer is one that the same request would get at any later time: done, or declined for good.
fn stays_true(answer: &Value) -> bool {
    let declined = || answer.get("Err")?.get("Declined")?.get("advice")?.as_str();
    answer.get("Ok").is_some() || declined().is_some_and(|advice| advice != "retry_later")
}

/// Where nothing happened the key is free, so that its entry is gone.
fn fits(key: &Key, state: Option<&str>) -> bool {
    let is = |word: &str| key.answer.as_ref().is_some_and(|answer| answer.get(word).is_some());
    match (key.attempt, state) {
        (None, _) => key.answer.is_some(),
        (Some(_), Some("succeeded")) => is("Ok"),
        (Some(_), Some("declined")) => is("Err"),
        (Some(_), Some("not_executed")) => false,
        // Open. An attempt that is not there is missed elsewhere.
        (Some(_), Some(_)) => key.answer.is_none(),
        (Some(_), None) => true,
    }
}
