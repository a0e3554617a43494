//! The way to the scripted gateway: slow, interruptible, and at times it lies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::Gateway;
use digota_core::port::gateway::{
    Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup, Outcome,
};
use digota_core::testing::gateway::ScriptedGateway;

use super::dice::Dice;

/// Passes every call on to `gateway`, and does to it what the switches say.
pub(crate) struct Wire {
    pub(crate) gateway: ScriptedGateway,
    pub(crate) dice: Arc<Dice>,
    /// While set, calls of this name wait before they reach the gateway; all calls for the empty name. `answer` holds answers.
    pub(crate) hold: Mutex<Option<&'static str>>,
    /// How often a call was found to be held.
    held: AtomicUsize,
    /// While set, look-ups fail.
    pub(crate) blind: AtomicBool,
    /// While set, the gateway says that it moved this much, whatever it did.
    pub(crate) lie: Mutex<Option<i64>>,
    /// Charges by `tok_late` that are on their way.
    parcels: Mutex<Vec<(Call, Intent)>>,
    /// What was asked of it, in order.
    pub(crate) log: Mutex<Vec<&'static str>>,
}

impl Wire {
    pub(crate) fn new(gateway: ScriptedGateway, dice: Arc<Dice>) -> Wire {
        Wire {
            gateway,
            dice,
            hold: Mutex::new(None),
            held: AtomicUsize::new(0),
            blind: AtomicBool::new(false),
            lie: Mutex::new(None),
            parcels: Mutex::default(),
            log: Mutex::new(Vec::new()),
        }
    }

    /// Returns once a call was held.
    pub(crate) async fn reached(&self) {
        while self.held.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Holds whatever moves money, or lets it go.
    pub(crate) fn hold(&self, hold: bool) {
        *self.hold.lock().unwrap() = hold.then_some("");
    }

    /// Holds only calls of this name.
    pub(crate) fn hold_at(&self, name: &'static str) {
        *self.hold.lock().unwrap() = Some(name);
    }

    /// Has the charges arrive that everybody took for lost.
    pub(crate) async fn deliver(&self) {
        let parcels = std::mem::take(&mut *self.parcels.lock().unwrap());
        for (call, intent) in parcels {
            let source = Source::Token("tok_ok".to_owned().into());
            let _ = self.gateway.charge(&call, &intent, &source, None).await;
        }
    }

    /// Lets what is held go, once others had their turn.
    pub(crate) async fn let_go_later(&self) {
        self.reached().await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.hold(false);
    }

    pub(crate) fn blind(&self, blind: bool) {
        self.blind.store(blind, Ordering::SeqCst);
    }

    /// How often this was asked.
    pub(crate) fn asked(&self, what: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|name| **name == what).count()
    }

    async fn pass(&self, name: &'static str) {
        self.log.lock().unwrap().push(name);
        self.wait_at(name).await;
        self.dice.dawdle().await;
    }

    async fn wait_at(&self, name: &str) {
        while self.hold.lock().unwrap().is_some_and(|held| held.is_empty() || held == name) {
            self.held.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }

    fn bend(&self, mut answer: Answer) -> Answer {
        let lie = *self.lie.lock().unwrap();
        if let (Some(amount), Outcome::Succeeded, Some(money)) = (lie, &answer.outcome, &mut answer.money) {
            money.amount = amount;
        }
        answer
    }

    async fn back(&self, answer: Result<Answer, GatewayError>) -> Result<Answer, GatewayError> {
        self.wait_at("answer").await;
        self.dice.dawdle().await;
        answer.map(|answer| self.bend(answer))
    }
}

#[async_trait]
impl Gateway for Wire {
    fn capabilities(&self) -> Capabilities {
        self.gateway.capabilities()
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        self.pass("prepare").await;
        self.gateway.prepare(call, intent).await
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        self.pass("charge").await;
        if matches!(source, Source::Token(token) if **token == "tok_late") {
            self.parcels.lock().unwrap().push((call.clone(), intent.clone()));
            return Err(GatewayError::Unknown("no answer".into()));
        }
        self.back(self.gateway.charge(call, intent, source, prepared).await).await
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        self.pass("capture").await;
        self.back(self.gateway.capture(call, charge, amount).await).await
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        self.pass("void").await;
        self.back(self.gateway.void(call, charge).await).await
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        self.pass("refund").await;
        self.back(self.gateway.refund(call, charge, amount, reason).await).await
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        self.log.lock().unwrap().push("find");
        self.dice.dawdle().await;
        if self.blind.load(Ordering::SeqCst) {
            return Err(GatewayError::NotExecuted { reason: "look-ups are down".into(), retry_after: None });
        }
        Ok(match self.gateway.find(lookup).await? {
            Finding::Found(answer) => Finding::Found(self.bend(answer)),
            Finding::Absent => Finding::Absent,
        })
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        self.log.lock().unwrap().push("cancel");
        self.dice.dawdle().await;
        self.back(self.gateway.cancel(lookup).await).await
    }
}
