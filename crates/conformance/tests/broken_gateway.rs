//! Gateways that are broken on purpose, each caught by the case of the promise that it breaks; and one that is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use digota_conformance::gateway::{Bed, CASES, Trigger};
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::{Brand, Card, CardText, Source};
use digota_core::payment::decline::DeclineCode;
use digota_core::port::gateway::{
    Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup, Outcome,
};
use digota_core::port::{Clock, Gateway};
use digota_core::testing::gateway::{Act, ScriptedGateway};
use digota_core::time::Timestamp;
use uuid::Uuid;

#[test]
fn the_scripted_gateway_keeps_every_promise() {
    assert_eq!(failing(None), [""; 0]);
}

#[test]
fn a_gateway_that_ignores_keys_is_caught() {
    assert_eq!(failing(Some(Fault::IgnoresKeys)), ["the_same_key_charges_once", "the_same_key_refunds_once"]);
}

#[test]
fn a_gateway_whose_declines_are_errors_is_caught() {
    check(Fault::DeclinesAreErrors, "a_decline_is_an_answer");
}

#[test]
fn a_gateway_that_takes_silence_for_a_no_is_caught() {
    check(Fault::SilenceIsNo, "a_lost_answer_is_unknown");
}

#[test]
fn a_gateway_that_takes_a_closed_door_for_silence_is_caught() {
    check(Fault::ClosedDoorIsSilence, "a_request_that_never_arrived_is_not_executed");
}

#[test]
fn a_gateway_that_only_says_that_it_canceled_is_caught() {
    check(Fault::CancelsInWordsOnly, "a_canceled_attempt_never_charges");
}

#[test]
fn a_gateway_that_says_canceled_of_a_finished_charge_is_caught() {
    check(Fault::AlwaysSaysCanceled, "canceling_a_finished_charge_tells_its_outcome");
}

#[test]
fn a_gateway_that_charges_at_once_what_it_should_authorize_is_caught() {
    check(Fault::ChargesAtOnce, "an_authorized_charge_can_be_captured");
}

#[test]
fn a_gateway_that_does_not_void_is_caught() {
    check(Fault::VoidsInWordsOnly, "an_authorized_charge_can_be_voided");
}

#[test]
fn a_gateway_that_refunds_without_end_is_caught() {
    check(Fault::RefundsWithoutEnd, "refunds_add_up_to_the_charge");
}

#[test]
fn a_gateway_that_finds_nothing_is_caught() {
    let failed = failing(Some(Fault::FindsNothing));
    for case in ["a_charge_is_found_by_its_attempt", "a_refund_is_found_by_its_attempt"] {
        assert!(failed.contains(&case), "{failed:?}");
    }
}

#[test]
fn a_gateway_that_finds_what_never_was_is_caught() {
    check(Fault::FindsAnything, "an_unknown_attempt_is_absent");
}

#[test]
fn a_gateway_that_charges_another_amount_is_caught() {
    check(Fault::ChargesMore, "a_charge_succeeds");
}

#[test]
fn a_gateway_that_says_pending_instead_of_challenge_is_caught() {
    check(Fault::HidesChallenges, "a_challenge_asks_for_action");
}

#[test]
fn a_gateway_that_repeats_card_numbers_is_caught() {
    assert_eq!(failing(Some(Fault::RepeatsCards)), ["secrets_stay_out_of_errors"]);
}

fn check(fault: Fault, case: &'static str) {
    let failed = failing(Some(fault));
    assert!(failed.contains(&case), "{failed:?}");
}

fn failing(fault: Option<Fault>) -> Vec<&'static str> {
    digota_conformance::failing(CASES, move || bed(fault))
}

fn bed(fault: Option<Fault>) -> Bed {
    let scripted = || {
        let gateway = Arc::new(ScriptedGateway::new(Arc::new(SteadyClock(Instant::now()))));
        // The amount says what happens, since the source is a card.
        gateway.on(|seen| {
            let act = match seen.money?.amount {
                2000 => Act::Decline(DeclineCode::CardDeclined),
                3000 => Act::RequireAction,
                4000 => Act::LoseAfter,
                _ => return None,
            };
            Some(act.into())
        });
        gateway
    };
    let (good, closed) = (scripted(), scripted());
    closed.on(|_| Some(Act::NeverSend.into()));
    let record = good.clone();
    let trigger = |amount| Trigger { source: card, money: euro(amount) };
    let breaking = |inner: Arc<ScriptedGateway>| -> Arc<dyn Gateway> { Arc::new(Broken { inner, fault }) };
    Bed {
        gateway: breaking(good),
        unreachable: breaking(closed),
        good: trigger(1000),
        declined: (trigger(2000), DeclineCode::CardDeclined),
        challenge: trigger(3000),
        lost_after: trigger(4000),
        moved: Box::new(move || record.moved()),
        guard: Box::new(()),
    }
}

fn card() -> Source {
    let text = CardText {
        number: "4242424242424242",
        cvc: "987",
        expiry_month: "12",
        expiry_year: "2032",
        first_name: "",
        last_name: "",
    };
    Source::Card(Card::new(Brand::Visa, &text).expect("a good card"))
}

fn euro(amount: i64) -> Money {
    Money { amount, currency: Currency::from_code("EUR").expect("a currency of the contract") }
}

struct SteadyClock(Instant);

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        Timestamp::default().after(self.0.elapsed())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    IgnoresKeys,
    DeclinesAreErrors,
    SilenceIsNo,
    ClosedDoorIsSilence,
    CancelsInWordsOnly,
    AlwaysSaysCanceled,
    ChargesAtOnce,
    VoidsInWordsOnly,
    RefundsWithoutEnd,
    FindsNothing,
    FindsAnything,
    ChargesMore,
    HidesChallenges,
    RepeatsCards,
}

/// The scripted gateway with one fault at most.
struct Broken {
    inner: Arc<ScriptedGateway>,
    fault: Option<Fault>,
}

impl Broken {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// A gateway that ignores keys takes every request for a new one.
    fn known_as(&self, call: &Call) -> Call {
        if !self.has(Fault::IgnoresKeys) {
            return call.clone();
        }
        let first = !self.inner.seen().iter().any(|seen| seen.attempt == call.attempt);
        let attempt = if first { call.attempt } else { Uuid::from_u128(!call.attempt.as_u128()) };
        Call { attempt, ..call.clone() }
    }

    fn distort(&self, result: Result<Answer, GatewayError>) -> Result<Answer, GatewayError> {
        match (self.fault, result) {
            (Some(Fault::DeclinesAreErrors), Ok(Answer { outcome: Outcome::Declined(_), .. })) => {
                Err(GatewayError::Configuration("declined".to_owned()))
            }
            (Some(Fault::SilenceIsNo), Err(GatewayError::Unknown(reason))) => {
                Err(GatewayError::NotExecuted { reason, retry_after: None })
            }
            (Some(Fault::ClosedDoorIsSilence), Err(GatewayError::NotExecuted { reason, .. })) => {
                Err(GatewayError::Unknown(reason))
            }
            (
                Some(Fault::HidesChallenges),
                Ok(Answer { outcome: Outcome::RequiresAction(_), reference, money }),
            ) => Ok(Answer { outcome: Outcome::Pending, reference, money }),
            (Some(Fault::RepeatsCards), Err(GatewayError::Unknown(_))) => {
                Err(GatewayError::Unknown("no answer about 4242 4242 4242 4242".to_owned()))
            }
            (_, result) => result,
        }
    }
}

#[async_trait]
impl Gateway for Broken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        self.inner.prepare(call, intent).await
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        let mut intent = intent.clone();
        if self.has(Fault::ChargesAtOnce) {
            intent.capture_later = false;
        }
        if self.has(Fault::ChargesMore) {
            intent.money.amount += 1;
        }
        self.distort(self.inner.charge(&self.known_as(call), &intent, source, prepared).await)
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        self.distort(self.inner.capture(call, charge, amount).await)
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        if self.has(Fault::VoidsInWordsOnly) {
            return Ok(Answer {
                outcome: Outcome::Canceled,
                reference: Some(charge.to_owned()),
                money: None,
            });
        }
        self.distort(self.inner.void(call, charge).await)
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        let result = self.inner.refund(&self.known_as(call), charge, amount, reason).await;
        match result {
            Ok(Answer { outcome: Outcome::Declined(_), reference, .. })
                if self.has(Fault::RefundsWithoutEnd) =>
            {
                Ok(Answer { outcome: Outcome::Succeeded, reference, money: Some(amount) })
            }
            result => self.distort(result),
        }
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        let finding = self.inner.find(lookup).await?;
        match (self.fault, finding) {
            (Some(Fault::FindsNothing), _) => Ok(Finding::Absent),
            (Some(Fault::FindsAnything), Finding::Absent) => {
                let outcome = Outcome::Pending;
                Ok(Finding::Found(Answer { outcome, reference: None, money: None }))
            }
            (_, finding) => Ok(finding),
        }
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        let canceled = Answer { outcome: Outcome::Canceled, reference: None, money: None };
        match self.fault {
            Some(Fault::CancelsInWordsOnly | Fault::AlwaysSaysCanceled) => Ok(canceled),
            _ => self.inner.cancel(lookup).await,
        }
    }
}
