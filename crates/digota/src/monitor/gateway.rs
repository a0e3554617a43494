//! Measures a payment gateway: what it answers, and how long it takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use async_trait::async_trait;
use digota_core::meter::{Histogram, SPANS_US, Spread};
use digota_core::money::Money;
use digota_core::payment::card::Source;
use digota_core::payment::{Provider, RefundReason};
use digota_core::port::Gateway;
use digota_core::port::gateway::{
    Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup, Outcome,
};

/// What can be asked of a gateway.
const OPS: [&str; 7] = ["prepare", "charge", "capture", "void", "refund", "find", "cancel"];

/// What can come of it.
const OUTCOMES: [&str; 11] = [
    "succeeded",
    "authorized",
    "declined",
    "requires_action",
    "pending",
    "canceled",
    "absent",
    "prepared",
    "not_executed",
    "configuration",
    "unknown",
];

/// A row per provider, in the order of [`Provider::ALL`].
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| Provider::ALL.iter().map(|_| Row::new()).collect());

struct Row {
    outcomes: [[AtomicU64; OUTCOMES.len()]; OPS.len()],
    took: [Histogram; OPS.len()],
}

impl Row {
    fn new() -> Row {
        Row {
            outcomes: [const { [const { AtomicU64::new(0) }; OUTCOMES.len()] }; OPS.len()],
            took: std::array::from_fn(|_| Histogram::new(SPANS_US)),
        }
    }
}

/// A gateway whose answers are counted.
pub(crate) struct Measured {
    inner: Arc<dyn Gateway>,
    row: &'static Row,
}

impl Measured {
    /// This gateway, as that of this provider.
    pub(crate) fn new(provider: Provider, inner: Arc<dyn Gateway>) -> Measured {
        let at = Provider::ALL.iter().position(|one| *one == provider).unwrap_or_default();
        Measured { inner, row: &ROWS[at] }
    }

    async fn count<T>(
        &self,
        op: &str,
        outcome: impl FnOnce(&T) -> &'static str,
        call: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        let since = Instant::now();
        let answer = call.await;
        let outcome = match &answer {
            Ok(answer) => outcome(answer),
            Err(GatewayError::NotExecuted { .. }) => "not_executed",
            Err(GatewayError::Configuration(_)) => "configuration",
            Err(GatewayError::Unknown(_)) => "unknown",
        };
        let place = |all: &[&str], name: &str| all.iter().position(|one| *one == name);
        if let (Some(op), Some(outcome)) = (place(&OPS, op), place(&OUTCOMES, outcome)) {
            self.row.outcomes[op][outcome].fetch_add(1, Ordering::Relaxed);
            self.row.took[op].count_span(since.elapsed());
        }
        answer
    }
}

fn of_answer(answer: &Answer) -> &'static str {
    match answer.outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Authorized => "authorized",
        Outcome::Declined(_) => "declined",
        Outcome::RequiresAction(_) => "requires_action",
        Outcome::Pending => "pending",
        Outcome::Canceled => "canceled",
    }
}

fn of_finding(finding: &Finding) -> &'static str {
    match finding {
        Finding::Found(answer) => of_answer(answer),
        Finding::Absent => "absent",
    }
}

#[async_trait]
impl Gateway for Measured {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        self.count("prepare", |_| "prepared", self.inner.prepare(call, intent)).await
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        self.count("charge", of_answer, self.inner.charge(call, intent, source, prepared)).await
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        self.count("capture", of_answer, self.inner.capture(call, charge, amount)).await
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        self.count("void", of_answer, self.inner.void(call, charge)).await
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        self.count("refund", of_answer, self.inner.refund(call, charge, amount, reason)).await
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        self.count("find", of_finding, self.inner.find(lookup)).await
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        self.count("cancel", of_answer, self.inner.cancel(lookup)).await
    }
}

/// What was asked of one gateway, of one kind.
pub(super) struct Asked {
    pub(super) provider: &'static str,
    pub(super) op: &'static str,
    /// Only outcomes that occurred.
    pub(super) outcomes: Vec<(&'static str, u64)>,
    pub(super) took: Spread,
}

/// Everything that was asked of gateways since the process began.
pub(super) fn asked() -> Vec<Asked> {
    let mut all = Vec::new();
    for (provider, row) in Provider::ALL.iter().zip(ROWS.iter()) {
        for (op, (outcomes, took)) in OPS.iter().zip(row.outcomes.iter().zip(&row.took)) {
            let counts = OUTCOMES.iter().zip(outcomes).map(|(name, n)| (*name, n.load(Ordering::Relaxed)));
            let outcomes: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
            if !outcomes.is_empty() {
                all.push(Asked { provider: provider.name(), op, outcomes, took: took.read() });
            }
        }
    }
    all
}
