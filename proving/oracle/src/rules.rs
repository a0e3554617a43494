//! The rules that need more than the store.

use digota_verify::{Rule, rule};

digota_verify::rules! { BEYOND;
    OVERSOLD = "A3", "no-oversell",
        "By clients and gateway alone: no more of a SKU is sold than there was.";
    UNDERSOLD = "A6", "no-undersell",
        "Whoever is refused for want of stock could not have been served at any moment.";
    PIECES = "A7", "every-piece",
        "What is on hand is what clients put there, less what was paid for by the gateway's record, plus what came back.";
    UNKNOWN = "B7", "unknown-is-not-failed",
        "An attempt that the shop gave up moved no money and can't any more; what was declined never succeeds.";
    NOTHING = "B9", "refused-means-nothing",
        "What a client was refused is not in effect, and moved no money.";
    ASKED = "B11", "asked-for",
        "Nothing happens that no client asked for.";
    KEPT = "C4", "done-means-kept",
        "What a client was told is done is in effect, whatever crashed since.";
    KEY = "D1", "one-answer-per-key",
        "A key has one effect and one answer, and the store keeps the answer that was given.";
    OTHER_BODY = "D2", "one-request-per-key",
        "A key that comes with another request is refused and does nothing.";
    OWN_KEY = "D4", "own-key-own-answer",
        "An answer is about what was asked: nobody is told another's.";
    DELIVERED = "E2", "every-event-delivered",
        "At rest who follows has received every event.";
    IN_ORDER = "E3", "events-in-order",
        "Who follows receives the versions of an object in order, without a gap.";
    NO_PHANTOM = "E4", "no-phantom-event",
        "Who follows receives no event that is not in the store.";
    SECRETS = "E5", "no-secrets",
        "No card number, verification code or key is found in an event or a record; every event has an identity of its own.";
    AT_FAULT = "I3", "never-at-fault",
        "The server never answers that it is at fault itself.";
    WHOLE = "X1", "evidence-whole",
        "The gateway's record has no gap: else it proves nothing.";
}

/// Every rule, those of the store alone included, by id.
pub fn all() -> Vec<Rule> {
    let mut all: Vec<Rule> = rule::STORE.iter().chain(BEYOND).copied().collect();
    let place = |rule: &Rule| (rule.id[..1].to_owned(), rule.id[1..].parse::<u32>().unwrap_or(0));
    all.sort_by_key(place);
    all
}
