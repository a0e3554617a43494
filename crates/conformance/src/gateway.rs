//! The gateway port's promises.

use std::any::Any;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::gateway::{
    Answer, Call, Capabilities, Finding, Gateway, GatewayError, Intent, Lookup, Op, Outcome,
};
use libtest_mimic::Trial;
use uuid::{Builder, Uuid};

use crate::cases;

/// A gateway, how to make it do things, and the record that it keeps of the money that it moved.
pub struct Bed {
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// The same adapter, pointed where nobody listens.
    pub unreachable: Arc<dyn Gateway>,
    /// A charge that succeeds.
    pub good: Trigger,
    /// A charge that is declined, and the code.
    pub declined: (Trigger, DeclineCode),
    /// A charge that needs 3-D Secure.
    pub challenge: Trigger,
    /// A charge that succeeds, and whose answer is lost.
    pub lost_after: Trigger,
    /// What came from buyers less what went back, in smallest units, by the other end's own record.
    pub moved: Box<dyn Fn() -> i128>,
    /// Whatever must live as long as the bed.
    pub guard: Box<dyn Any>,
}

/// How a gateway is made to do something: by the card or token, or by the amount.
#[derive(Clone, Copy)]
pub struct Trigger {
    /// The card or token.
    pub source: fn() -> Source,
    /// The amount.
    pub money: Money,
}

/// One trial per case. Those of capabilities that the gateway doesn't have are listed as ignored, with the capability.
pub fn trials(
    prefix: &str,
    capabilities: Capabilities,
    bed: impl Fn() -> Bed + Clone + Send + 'static,
) -> Vec<Trial> {
    let marked = |(case, trial): (&crate::Case<Bed>, Trial)| match lacking(case.name, capabilities) {
        Some(capability) => trial.with_ignored_flag(true).with_kind(format!("lacks {capability}")),
        None => trial,
    };
    CASES.iter().zip(crate::trials(prefix, CASES, bed)).map(marked).collect()
}

fn lacking(case: &str, capabilities: Capabilities) -> Option<&'static str> {
    match case {
        "a_canceled_attempt_never_charges" | "canceling_a_finished_charge_tells_its_outcome" => {
            (!capabilities.cancel).then_some("cancel")
        }
        "an_authorized_charge_can_be_captured" | "an_authorized_charge_can_be_voided" => {
            (!capabilities.capture_later).then_some("capture_later")
        }
        _ => None,
    }
}

cases!(Bed;
    a_charge_succeeds,
    the_same_key_charges_once,
    a_decline_is_an_answer,
    a_charge_is_found_by_its_attempt,
    an_unknown_attempt_is_absent,
    a_lost_answer_is_unknown,
    a_request_that_never_arrived_is_not_executed,
    a_canceled_attempt_never_charges,
    canceling_a_finished_charge_tells_its_outcome,
    an_authorized_charge_can_be_captured,
    an_authorized_charge_can_be_voided,
    refunds_add_up_to_the_charge,
    the_same_key_refunds_once,
    a_refund_is_found_by_its_attempt,
    a_challenge_asks_for_action,
    secrets_stay_out_of_errors,
);

type Result = std::result::Result<Answer, GatewayError>;

impl Bed {
    async fn charge(&self, call: &Call, trigger: Trigger) -> Result {
        charge(&*self.gateway, call, trigger, false).await
    }

    /// A charge of the good card and its reference.
    async fn charged(&self) -> (Answer, String) {
        let answer = self.charge(&call(), self.good).await.expect("a good card pays");
        let reference = answer.reference.clone().expect("a charge has a reference");
        (answer, reference)
    }

    /// The reference of a good charge that is only authorised.
    async fn authorized(&self) -> String {
        let answer =
            charge(&*self.gateway, &call(), self.good, true).await.expect("a good card is authorised");
        assert_eq!(answer.outcome, Outcome::Authorized);
        answer.reference.expect("an authorised charge has a reference")
    }

    async fn refund(&self, call: &Call, charge: &str, amount: i64) -> Result {
        let money = Money { amount, ..self.good.money };
        self.gateway.refund(call, charge, money, RefundReason::RequestedByCustomer).await
    }

    async fn found(&self, call: &Call, op: Op) -> Answer {
        match self.gateway.find(&lookup(call, op)).await.expect("a look-up is answered") {
            Finding::Found(answer) => answer,
            Finding::Absent => panic!("the attempt was not found"),
        }
    }

    fn moved(&self) -> i128 {
        (self.moved)()
    }

    fn good_amount(&self) -> i128 {
        i128::from(self.good.money.amount)
    }
}

async fn charge(gateway: &dyn Gateway, call: &Call, trigger: Trigger, capture_later: bool) -> Result {
    let intent = Intent {
        money: trigger.money,
        statement: "Order 1".to_owned(),
        email: "ada@example.org".to_owned(),
        capture_later,
        return_url: "https://shop.example/back".to_owned(),
    };
    let prepared = match gateway.capabilities().two_step {
        true => Some(gateway.prepare(call, &intent).await?),
        false => None,
    };
    gateway.charge(call, &intent, &(trigger.source)(), prepared.as_deref()).await
}

/// A call of an attempt that no gateway knows.
fn call() -> Call {
    let chance = || RandomState::new().build_hasher().finish();
    let bytes = Uuid::from_u64_pair(chance(), chance()).into_bytes();
    let attempt = Builder::from_random_bytes(bytes).into_uuid();
    Call { attempt, key: attempt.simple().to_string() }
}

fn lookup(call: &Call, op: Op) -> Lookup {
    Lookup { attempt: call.attempt, op, reference: None }
}

fn code(result: &Result) -> Option<DeclineCode> {
    match result {
        Ok(Answer { outcome: Outcome::Declined(decline), .. }) => Some(decline.code),
        _ => None,
    }
}

async fn a_charge_succeeds(bed: Bed) {
    let answer = bed.charge(&call(), bed.good).await.expect("a good card pays");
    assert_eq!((answer.outcome, answer.money), (Outcome::Succeeded, Some(bed.good.money)));
    assert!(answer.reference.is_some_and(|reference| !reference.is_empty()));
    assert_eq!(bed.moved(), bed.good_amount());
}

async fn the_same_key_charges_once(bed: Bed) {
    let call = call();
    let first = bed.charge(&call, bed.good).await;
    let again = bed.charge(&call, bed.good).await;
    assert!(first.is_ok());
    assert_eq!(first, again);
    assert_eq!(bed.moved(), bed.good_amount());
}

async fn a_decline_is_an_answer(bed: Bed) {
    let (trigger, want) = bed.declined;
    let result = bed.charge(&call(), trigger).await;
    assert_eq!(code(&result), Some(want), "{result:?}");
    assert_eq!(bed.moved(), 0);
}

async fn a_charge_is_found_by_its_attempt(bed: Bed) {
    let (paid, refused) = (call(), call());
    let answer = bed.charge(&paid, bed.good).await.expect("a good card pays");
    assert_eq!(bed.found(&paid, Op::Charge).await, answer);
    let (trigger, want) = bed.declined;
    bed.charge(&refused, trigger).await.expect("a decline is an answer");
    assert_eq!(code(&Ok(bed.found(&refused, Op::Charge).await)), Some(want));
}

async fn an_unknown_attempt_is_absent(bed: Bed) {
    for op in [Op::Charge, Op::Capture, Op::Void, Op::Refund] {
        assert_eq!(bed.gateway.find(&lookup(&call(), op)).await, Ok(Finding::Absent), "{op:?}");
    }
}

async fn a_lost_answer_is_unknown(bed: Bed) {
    let call = call();
    let result = bed.charge(&call, bed.lost_after).await;
    assert!(matches!(result, Err(GatewayError::Unknown(_))), "{result:?}");
    let answer = bed.found(&call, Op::Charge).await;
    assert_eq!((answer.outcome, answer.money), (Outcome::Succeeded, Some(bed.lost_after.money)));
    assert_eq!(bed.moved(), i128::from(bed.lost_after.money.amount));
}

async fn a_request_that_never_arrived_is_not_executed(bed: Bed) {
    let result = charge(&*bed.unreachable, &call(), bed.good, false).await;
    assert!(matches!(result, Err(GatewayError::NotExecuted { .. })), "{result:?}");
    assert_eq!(bed.moved(), 0);
}

async fn a_canceled_attempt_never_charges(bed: Bed) {
    let call = call();
    let canceled = bed.gateway.cancel(&lookup(&call, Op::Charge)).await.expect("a cancel is answered");
    assert_eq!(canceled.outcome, Outcome::Canceled);
    let late = bed.charge(&call, bed.good).await.map(|answer| answer.outcome);
    let harmless = matches!(late, Err(_) | Ok(Outcome::Canceled | Outcome::Declined(_)));
    assert!(harmless, "{late:?}");
    assert_eq!(bed.moved(), 0);
}

async fn canceling_a_finished_charge_tells_its_outcome(bed: Bed) {
    let call = call();
    let charged = bed.charge(&call, bed.good).await.expect("a good card pays");
    let told = bed.gateway.cancel(&lookup(&call, Op::Charge)).await.expect("a cancel is answered");
    assert_eq!(told, charged);
    assert_eq!(bed.found(&call, Op::Charge).await, charged);
    assert_eq!(bed.moved(), bed.good_amount());
}

async fn an_authorized_charge_can_be_captured(bed: Bed) {
    let charge = bed.authorized().await;
    assert_eq!(bed.moved(), 0);
    let part = Money { amount: bed.good.money.amount - 1, ..bed.good.money };
    let too_much = Money { amount: bed.good.money.amount + 1, ..bed.good.money };
    let refused = bed.gateway.capture(&call(), &charge, too_much).await;
    assert!(code(&refused).is_some(), "{refused:?}");
    let (once, twice) = (call(), call());
    let taken = bed.gateway.capture(&once, &charge, part).await.expect("what is held can be taken");
    assert_eq!((&taken.outcome, taken.money), (&Outcome::Succeeded, Some(part)));
    assert_eq!(bed.found(&once, Op::Capture).await.outcome, Outcome::Succeeded);
    let again = bed.gateway.capture(&once, &charge, part).await;
    assert_eq!(again, Ok(taken), "the same key");
    let second = bed.gateway.capture(&twice, &charge, Money { amount: 1, ..part }).await;
    assert!(code(&second).is_some(), "{second:?}");
    assert_eq!(bed.moved(), i128::from(part.amount));
}

async fn an_authorized_charge_can_be_voided(bed: Bed) {
    let charge = bed.authorized().await;
    let void = call();
    let given_up = bed.gateway.void(&void, &charge).await.expect("what is held can be given up");
    assert_eq!(given_up.outcome, Outcome::Canceled);
    assert_eq!(bed.found(&void, Op::Void).await.outcome, Outcome::Canceled);
    let late = bed.gateway.capture(&call(), &charge, bed.good.money).await;
    assert!(code(&late).is_some(), "{late:?}");
    assert_eq!(bed.moved(), 0);
}

async fn refunds_add_up_to_the_charge(bed: Bed) {
    let (_, charge) = bed.charged().await;
    let whole = bed.good.money.amount;
    let first = bed.refund(&call(), &charge, whole - 1).await.expect("a part can be paid back");
    assert_eq!(first.outcome, Outcome::Succeeded);
    assert!(first.reference.is_some_and(|reference| !reference.is_empty()));
    let beyond = bed.refund(&call(), &charge, 2).await;
    assert!(code(&beyond).is_some(), "{beyond:?}");
    let rest = bed.refund(&call(), &charge, 1).await.map(|answer| answer.outcome);
    assert_eq!(rest, Ok(Outcome::Succeeded));
    assert_eq!(bed.moved(), 0);
}

async fn the_same_key_refunds_once(bed: Bed) {
    let (_, charge) = bed.charged().await;
    let call = call();
    let first = bed.refund(&call, &charge, 1).await;
    let again = bed.refund(&call, &charge, 1).await;
    assert!(first.is_ok());
    assert_eq!(first, again);
    assert_eq!(bed.moved(), bed.good_amount() - 1);
}

async fn a_refund_is_found_by_its_attempt(bed: Bed) {
    let (_, charge) = bed.charged().await;
    let call = call();
    let answer = bed.refund(&call, &charge, 1).await.expect("a part can be paid back");
    assert_eq!(bed.found(&call, Op::Refund).await, answer);
}

async fn a_challenge_asks_for_action(bed: Bed) {
    let call = call();
    let answer = bed.charge(&call, bed.challenge).await.expect("a challenge is an answer");
    let Outcome::RequiresAction(action) = answer.outcome else { panic!("{:?}", answer.outcome) };
    assert!(action.url.starts_with("http") && !action.kind.is_empty(), "{action:?}");
    assert!(matches!(bed.found(&call, Op::Charge).await.outcome, Outcome::RequiresAction(_)));
    assert_eq!(bed.moved(), 0);
}

async fn secrets_stay_out_of_errors(bed: Bed) {
    let triggers = [bed.good, bed.declined.0, bed.challenge, bed.lost_after];
    for gateway in [&bed.gateway, &bed.unreachable] {
        for trigger in triggers {
            let shown = match charge(&**gateway, &call(), trigger, false).await {
                Ok(answer) => format!("{answer:?}"),
                Err(error) => format!("{error:?} {error}"),
            };
            assert!(
                !betrays(&shown, &(trigger.source)()),
                "a secret is in an answer of {} bytes",
                shown.len()
            );
        }
    }
}

/// Three digits may be part of an id by chance: a code counts only as a word of its own.
fn betrays(text: &str, source: &Source) -> bool {
    let words = || text.split(|c: char| !c.is_alphanumeric());
    match source {
        Source::Token(token) => text.contains(token.as_str()),
        Source::Card(card) => {
            let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            digits.contains(card.reveal_number())
                || (!card.reveal_cvc().is_empty() && words().any(|word| word == card.reveal_cvc()))
        }
    }
}
