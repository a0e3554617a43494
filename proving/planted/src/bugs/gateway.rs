//! Mistakes of whoever talks to a gateway.

use std::sync::Arc;

use async_trait::async_trait;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::Gateway;
use digota_core::port::gateway::{Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup};

use super::twist::sibling;

/// Takes silence for a no.
pub(super) struct Pessimist(pub(super) Arc<dyn Gateway>);

/// Sends again what was not answered, as if it had never been sent.
pub(super) struct Retrier(pub(super) Arc<dyn Gateway>);

fn no(answer: Result<Answer, GatewayError>) -> Result<Answer, GatewayError> {
    answer.map_err(|error| match error {
        GatewayError::Unknown(reason) => GatewayError::NotExecuted { reason, retry_after: None },
        other => other,
    })
}

fn afresh(call: &Call) -> Call {
    let attempt = sibling(call.attempt, 3);
    Call { attempt, key: attempt.to_string() }
}

macro_rules! gateway {
    ($name:ident, |$me:ident, $call:ident| $send:ident => $body:expr) => {
        #[async_trait]
        impl Gateway for $name {
            fn capabilities(&self) -> Capabilities {
                self.0.capabilities()
            }

            async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
                self.0.prepare(call, intent).await
            }

            async fn charge(
                &self,
                $call: &Call,
                intent: &Intent,
                source: &Source,
                prepared: Option<&str>,
            ) -> Result<Answer, GatewayError> {
                let $me = &self.0;
                let $send = async |call: &Call| $me.charge(call, intent, source, prepared).await;
                $body
            }

            async fn capture(
                &self,
                $call: &Call,
                charge: &str,
                amount: Money,
            ) -> Result<Answer, GatewayError> {
                let $me = &self.0;
                let $send = async |call: &Call| $me.capture(call, charge, amount).await;
                $body
            }

            async fn void(&self, $call: &Call, charge: &str) -> Result<Answer, GatewayError> {
                let $me = &self.0;
                let $send = async |call: &Call| $me.void(call, charge).await;
                $body
            }

            async fn refund(
                &self,
                $call: &Call,
                charge: &str,
                amount: Money,
                reason: RefundReason,
            ) -> Result<Answer, GatewayError> {
                let $me = &self.0;
                let $send = async |call: &Call| $me.refund(call, charge, amount, reason).await;
                $body
            }

            async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
                self.0.find(lookup).await
            }

            async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
                self.0.cancel(lookup).await
            }
        }
    };
}

gateway!(Pessimist, |inner, call| send => no(send(call).await));

gateway!(Retrier, |inner, call| send => match send(call).await {
    Err(GatewayError::Unknown(_)) => send(&afresh(call)).await,
    known => known,
});
