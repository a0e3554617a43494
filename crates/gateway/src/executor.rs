//! Carries an adapter's requests to its gateway: the one place for time limits, retries, integrity and scrubbing.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::gateway::{
    Answer, Call, Capabilities, Finding, Gateway, GatewayError, Intent, Lookup, Outcome,
};
use rand::RngExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::adapter::{Adapter, Ask, Reading, Step};
use crate::message::{Request, Response};
use crate::scrub::scrub;
use crate::transport::{SendError, Transport};

/// How often a request that was certainly not sent is tried again.
const RETRIES: u32 = 2;
/// The first pause before that; doubles, less up to a half by chance.
const PAUSE: Duration = Duration::from_millis(200);
/// No question takes more requests.
const STEPS_MAX: usize = 4;

/// How much of a gateway one account may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest that one call may take, with waiting and retries.
    pub total: Duration,
    /// The most calls at a time; `None` for no limit.
    pub concurrent: Option<usize>,
}

impl Default for Limits {
    /// 30 seconds, any number at a time.
    fn default() -> Limits {
        Limits { total: Duration::from_secs(30), concurrent: None }
    }
}

/// A gateway: an adapter for its language, a transport to it, and limits.
pub struct Executor<A, T> {
    adapter: A,
    transport: T,
    limits: Limits,
    permits: Option<Semaphore>,
}

impl<A: Adapter, T: Transport> Executor<A, T> {
    /// The gateway that `adapter` speaks to through `transport`.
    pub fn new(adapter: A, transport: T, limits: Limits) -> Executor<A, T> {
        let permits = limits.concurrent.map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Executor { adapter, transport, limits, permits }
    }

    async fn run(&self, ask: Ask<'_>) -> Result<Reading, GatewayError> {
        let source = match ask {
            Ask::Charge { source, .. } => Some(source),
            _ => None,
        };
        let deadline = Instant::now() + self.limits.total;
        let result = match self.permit(deadline).await {
            Ok(_permit) => self.within(deadline, self.converse(&ask)).await.and_then(|r| intact(&ask, r)),
            Err(busy) => Err(busy),
        };
        result.map(|reading| scrubbed(reading, source)).map_err(|error| scrubbed_error(error, source))
    }

    async fn permit(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, GatewayError> {
        let Some(permits) = &self.permits else { return Ok(None) };
        match tokio::time::timeout_at(deadline, permits.acquire()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => Err(GatewayError::NotExecuted {
                reason: "too many calls are under way".to_owned(),
                retry_after: None,
            }),
        }
    }

    async fn within<R>(
        &self,
        deadline: Instant,
        talk: impl Future<Output = Result<R, GatewayError>>,
    ) -> Result<R, GatewayError> {
        tokio::time::timeout_at(deadline, talk).await.unwrap_or_else(|_| {
            Err(GatewayError::Unknown(format!("no answer within {} ms", self.limits.total.as_millis())))
        })
    }

    async fn converse(&self, ask: &Ask<'_>) -> Result<Reading, GatewayError> {
        let mut seen = Vec::with_capacity(1);
        while seen.len() < STEPS_MAX {
            match self.adapter.next(ask, &seen)? {
                Step::Done(reading) => return Ok(reading),
                Step::Send(request) => seen.push(self.send(&request).await?),
            }
        }
        match self.adapter.next(ask, &seen)? {
            Step::Done(reading) => Ok(reading),
            Step::Send(request) => Err(GatewayError::Unknown(format!("no end: {request:?} would be next"))),
        }
    }

    /// Only what was certainly not sent is sent again, and then the same bytes with the same key.
    async fn send(&self, request: &Request) -> Result<Response, GatewayError> {
        let mut tries = 0;
        loop {
            match self.transport.send(request).await {
                Ok(response) => return Ok(response),
                Err(SendError::NotSent(_)) if tries < RETRIES => {
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                Err(SendError::NotSent(reason)) => {
                    return Err(GatewayError::NotExecuted { reason, retry_after: None });
                }
                Err(SendError::MaybeSent(evidence)) => return Err(GatewayError::Unknown(evidence)),
            }
        }
    }
}

fn pause(tries: u32) -> Duration {
    let longest = PAUSE.saturating_mul(2u32.saturating_pow(tries));
    rand::rng().random_range(longest / 2..=longest)
}

/// An answer that doesn't fit the question says nothing sure about the question.
fn intact(ask: &Ask<'_>, reading: Reading) -> Result<Reading, GatewayError> {
    let (Reading::Answer(answer), Some(asked)) = (&reading, ask.money()) else { return Ok(reading) };
    let fault = match (&answer.outcome, ask) {
        (Outcome::Declined(_) | Outcome::Canceled, _) => None,
        (Outcome::Authorized, Ask::Charge { intent, .. }) if !intent.capture_later => {
            Some("only authorised".to_owned())
        }
        (Outcome::Succeeded, Ask::Charge { intent, .. }) if intent.capture_later => {
            Some("charged at once".to_owned())
        }
        _ if answer.reference.is_none() => Some("no reference".to_owned()),
        _ => other_money(answer, asked),
    };
    match fault {
        Some(fault) => Err(GatewayError::Unknown(format!("the answer does not fit the question: {fault}"))),
        None => Ok(reading),
    }
}

fn other_money(answer: &Answer, asked: Money) -> Option<String> {
    match answer.money {
        Some(moved) if moved == asked => None,
        Some(moved) => Some(format!("{moved} instead of {asked}")),
        None => Some("no amount".to_owned()),
    }
}

fn scrubbed(reading: Reading, source: Option<&Source>) -> Reading {
    match reading {
        Reading::Answer(Answer { outcome: Outcome::Declined(mut decline), reference, money }) => {
            decline.raw = scrub(&decline.raw, source);
            Reading::Answer(Answer { outcome: Outcome::Declined(decline), reference, money })
        }
        other => other,
    }
}

fn scrubbed_error(error: GatewayError, source: Option<&Source>) -> GatewayError {
    match error {
        GatewayError::NotExecuted { reason, retry_after } => {
            GatewayError::NotExecuted { reason: scrub(&reason, source), retry_after }
        }
        GatewayError::Configuration(text) => GatewayError::Configuration(scrub(&text, source)),
        GatewayError::Unknown(text) => GatewayError::Unknown(scrub(&text, source)),
    }
}

fn answer(reading: Reading) -> Result<Answer, GatewayError> {
    match reading {
        Reading::Answer(answer) => Ok(answer),
        other => Err(GatewayError::Unknown(format!("{other:?} is no answer"))),
    }
}

#[async_trait]
impl<A: Adapter, T: Transport> Gateway for Executor<A, T> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { total_limit: self.limits.total, ..self.adapter.capabilities() }
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        match self.run(Ask::Prepare { call, intent }).await? {
            Reading::Prepared(id) => Ok(id),
            other => Err(GatewayError::Unknown(format!("{other:?} is no id"))),
        }
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        answer(self.run(Ask::Charge { call, intent, source, prepared }).await?)
    }

    async fn capture(&self, call: &Call, charge: &str, money: Money) -> Result<Answer, GatewayError> {
        answer(self.run(Ask::Capture { call, charge, money }).await?)
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        answer(self.run(Ask::Void { call, charge }).await?)
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        money: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        answer(self.run(Ask::Refund { call, charge, money, reason }).await?)
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        match self.run(Ask::Find(lookup)).await? {
            Reading::Answer(answer) => Ok(Finding::Found(answer)),
            Reading::Absent => Ok(Finding::Absent),
            Reading::Prepared(_) => Err(GatewayError::Unknown("an id is no finding".to_owned())),
        }
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        answer(self.run(Ask::Cancel(lookup)).await?)
    }
}
