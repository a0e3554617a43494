//! The sandbox's language, from digota's end.

use std::time::Duration;

use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::card::Source;
use digota_core::port::gateway::{Answer, Call, Capabilities, GatewayError, Intent, Lookup, Op, Outcome};
use http::{HeaderValue, Method};

use super::api::IDEMPOTENCY_KEY;
use super::wire::{CardBody, ChargeBody, ErrorBody, FollowUpBody, Status, View};
use crate::adapter::{Adapter, Ask, Reading, Step, refusal};
use crate::message::{Request, Response};

/// Longer than anything takes from being sent to its effect; only counts where canceling fails.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// Speaks to the sandbox.
pub(crate) struct SandboxAdapter;

impl Adapter for SandboxAdapter {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            two_step: false,
            cancel: true,
            capture_later: true,
            total_limit: Duration::ZERO,
            settle_time: SETTLE_TIME,
        }
    }

    fn next(&self, ask: &Ask<'_>, seen: &[Response]) -> Result<Step, GatewayError> {
        match seen.last() {
            None => build(ask).map(Step::Send),
            Some(response) => read(ask, response).map(Step::Done),
        }
    }
}

fn build(ask: &Ask<'_>) -> Result<Request, GatewayError> {
    match *ask {
        Ask::Prepare { .. } => Err(GatewayError::Configuration("the sandbox prepares nothing".to_owned())),
        Ask::Charge { call, intent, source, .. } => {
            keyed(call, "/v1/charges".to_owned()).map(|request| request.json(&charge_body(call, intent, source)))
        }
        Ask::Capture { call, charge, money } => follow_up(call, charge, "capture", Some(money)),
        Ask::Void { call, charge } => follow_up(call, charge, "void", None),
        Ask::Refund { call, charge, money, .. } => follow_up(call, charge, "refunds", Some(money)),
        Ask::Find(lookup) => Ok(Request::new(Method::GET, format!("/v1/attempts/{}", lookup.attempt))),
        Ask::Cancel(lookup) => {
            Ok(Request::new(Method::POST, format!("/v1/attempts/{}/cancel", lookup.attempt)))
        }
    }
}

fn keyed(call: &Call, path: String) -> Result<Request, GatewayError> {
    let key = HeaderValue::from_str(&call.key);
    let key = key.map_err(|_| GatewayError::Configuration("the key fits in no header".to_owned()))?;
    Ok(Request::new(Method::POST, path).header(IDEMPOTENCY_KEY.clone(), key))
}

fn charge_body<'a>(call: &Call, intent: &'a Intent, source: &'a Source) -> ChargeBody<'a> {
    let (card, token) = match source {
        Source::Card(card) => (Some(card), None),
        Source::Token(token) => (None, Some(token.as_str())),
    };
    ChargeBody {
        reference: call.attempt,
        amount: intent.money.amount,
        currency: intent.money.currency.code().into(),
        capture: !intent.capture_later,
        card: card.map(|card| CardBody {
            number: card.reveal_number().into(),
            cvc: card.reveal_cvc().into(),
            expiry_month: card.expiry_month,
            expiry_year: card.expiry_year,
        }),
        token: token.map(Into::into),
        statement: intent.statement.as_str().into(),
        email: intent.email.as_str().into(),
        return_url: intent.return_url.as_str().into(),
    }
}

fn follow_up(call: &Call, charge: &str, verb: &str, money: Option<Money>) -> Result<Request, GatewayError> {
    // Anything else would change the path.
    if !charge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(GatewayError::Configuration("this is no charge of the sandbox".to_owned()));
    }
    let body = FollowUpBody {
        reference: call.attempt,
        amount: money.map(|money| money.amount),
        currency: money.map(|money| money.currency.code().into()),
    };
    Ok(keyed(call, format!("/v1/charges/{charge}/{verb}"))?.json(&body))
}

fn read(ask: &Ask<'_>, response: &Response) -> Result<Reading, GatewayError> {
    let code = || serde_json::from_slice::<ErrorBody>(&response.body).map(|body| body.error.code);
    match (response.status, ask) {
        (200 | 402, _) => read_view(ask, response).map(Reading::Answer),
        (404, Ask::Find(_)) if code().is_ok_and(|code| code == "not_found") => Ok(Reading::Absent),
        // Only the sandbox itself can say that it has not understood; a stranger on the way can't.
        (400 | 404, _) if code().is_ok() => Err(GatewayError::Configuration(response.evidence())),
        _ => Err(refusal(response)),
    }
}

fn read_view(ask: &Ask<'_>, response: &Response) -> Result<Answer, GatewayError> {
    let unknown = |text: &str| GatewayError::Unknown(format!("{text}: {}", response.evidence()));
    let view: View = serde_json::from_slice(&response.body).map_err(|_| unknown("not understood"))?;
    if view.reference != ask.attempt() {
        return Err(unknown("the answer is about another attempt"));
    }
    if view.op.is_some_and(|op| op != asked_op(ask)) {
        return Err(unknown("the attempt did something else"));
    }
    answer(view).ok_or_else(|| unknown("not whole"))
}

fn asked_op(ask: &Ask<'_>) -> Op {
    match ask {
        Ask::Prepare { .. } | Ask::Charge { .. } => Op::Charge,
        Ask::Capture { .. } => Op::Capture,
        Ask::Void { .. } => Op::Void,
        Ask::Refund { .. } => Op::Refund,
        Ask::Find(Lookup { op, .. }) | Ask::Cancel(Lookup { op, .. }) => *op,
    }
}

fn answer(view: View) -> Option<Answer> {
    let outcome = match view.status {
        Status::Succeeded => Outcome::Succeeded,
        Status::Authorized => Outcome::Authorized,
        Status::Declined => Outcome::Declined(view.decline?),
        Status::RequiresAction => Outcome::RequiresAction(view.next_action?),
        Status::Pending => Outcome::Pending,
        Status::Canceled => Outcome::Canceled,
    };
    let money = match (view.amount, view.currency) {
        (Some(amount), Some(code)) => Some(Money { amount, currency: Currency::from_code(&code)? }),
        _ => None,
    };
    let moves_none = matches!(outcome, Outcome::Declined(_) | Outcome::Canceled);
    Some(Answer { outcome, reference: view.id, money: money.filter(|_| !moves_none) })
}
