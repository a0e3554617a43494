//! The gateway as a node sees it: requests and answers get lost, come late or twice, and it may be down.

use std::sync::Arc;

use async_trait::async_trait;
use digota_core::money::Money;
use digota_core::payment::RefundReason;
use digota_core::payment::card::Source;
use digota_core::port::Gateway;
use digota_core::port::gateway::{Answer, Call, Capabilities, Finding, GatewayError, Intent, Lookup};
use digota_core::testing::gateway::ScriptedGateway;
use uuid::Uuid;

use super::Line;
use crate::plan::{Lost, Peer};
use crate::stage::{Short, Stage, Step, at_once};
use crate::world::{MS, Micros};

/// How long a request is on its way, and as long its answer.
const SPAN: (Micros, Micros) = (20 * MS, 800 * MS);

/// How long it takes to see that nobody is there.
const NOBODY: Micros = 50 * MS;

/// The gateway at the end of a line.
pub(super) struct FarGateway(pub(super) Line);

/// A request, as often as it arrives.
type Request = Arc<dyn Fn(&ScriptedGateway) -> Result<Answer, GatewayError> + Send + Sync>;

/// What becomes of a call.
enum Fate {
    Arrives,
    Lost(Lost),
}

impl FarGateway {
    fn limit(&self) -> Micros {
        self.0.stage.setup.gateway_limit_ms * MS
    }

    /// What outages and cuts make of a call that begins now.
    fn reaches(&self) -> Fate {
        let line = &self.0;
        let outage = line.stage.faults().outage();
        match outage {
            _ if line.is_cut(Peer::Gateway) => Fate::Lost(Lost::Refused),
            Some(true) => Fate::Lost(Lost::Request),
            Some(false) => Fate::Lost(Lost::Refused),
            None => Fate::Arrives,
        }
    }

    fn not_executed(&self) -> GatewayError {
        self.0.world().count("gateway out of reach");
        GatewayError::NotExecuted { reason: "connection refused".to_owned(), retry_after: None }
    }

    /// A request that moves money.
    async fn carry(
        &self,
        name: &'static str,
        attempt: Uuid,
        request: Request,
    ) -> Result<Answer, GatewayError> {
        let (line, world) = (&self.0, self.0.world());
        let number = line.begin(Step::Gateway).await;
        let fate = match self.reaches() {
            Fate::Arrives => line.stage.faults().request().map_or(Fate::Arrives, Fate::Lost),
            lost => lost,
        };
        let (there, back) = (world.span(SPAN.0, SPAN.1), world.span(SPAN.0, SPAN.1));
        let (there, back) = (there.min(self.limit() / 2), back.min(self.limit() / 2));
        let answer = match fate {
            Fate::Arrives => {
                let doubled = line.stage.faults().doubled();
                if let Some(by) = doubled {
                    world.count("doubled requests");
                    self.arrive_unheard(there + by, name, attempt, &request);
                }
                line.ask(there, back, move |stage| arrive(stage, name, attempt, &request)).await
            }
            Fate::Lost(Lost::Refused) => {
                world.letter(line.process, NOBODY, ()).await;
                Err(self.not_executed())
            }
            Fate::Lost(lost) => {
                match lost {
                    Lost::Answer => self.arrive_unheard(there, name, attempt, &request),
                    Lost::Late(by) => self.arrive_unheard(self.limit() + by * MS, name, attempt, &request),
                    Lost::Request | Lost::Refused => {}
                }
                world.count("gateway answers lost");
                world.letter(line.process, self.limit(), ()).await;
                Err(GatewayError::Unknown("no answer".to_owned()))
            }
        };
        line.end(Step::Gateway, number).await;
        answer
    }

    /// Has a request arrive after a while, though nobody will be told.
    fn arrive_unheard(&self, after: Micros, name: &'static str, attempt: Uuid, request: &Request) {
        let (stage, request) = (Arc::clone(&self.0.stage), Arc::clone(request));
        self.0.world().after(after, move |world| {
            let moved = moves(&stage);
            // Whatever the answer: it goes nowhere.
            let _ = arrive(&stage, name, attempt, &request);
            if moves(&stage) > moved {
                world.count("late successes");
            }
        });
    }

    /// A question about an attempt, or its end.
    async fn inquire<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Stage) -> Result<T, GatewayError> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let (line, world) = (&self.0, self.0.world());
        let number = line.begin(Step::Lookup).await;
        let (there, back) = (world.span(SPAN.0, SPAN.1 / 4), world.span(SPAN.0, SPAN.1 / 4));
        let answer = match self.reaches() {
            Fate::Arrives => line.ask(there, back, ask).await,
            Fate::Lost(Lost::Refused) => {
                world.letter(line.process, NOBODY, ()).await;
                Err(self.not_executed())
            }
            // Half of what hangs has arrived all the same.
            Fate::Lost(_) => {
                if world.roll(2) == 0 {
                    let stage = Arc::clone(&line.stage);
                    world.after(there, move |_| drop(ask(&stage)));
                }
                world.letter(line.process, self.limit(), ()).await;
                Err(GatewayError::Unknown("no answer".to_owned()))
            }
        };
        line.end(Step::Lookup, number).await;
        answer
    }
}

/// How often money moved at the gateway.
fn moves(stage: &Stage) -> usize {
    stage.gateway.record().iter().filter(|line| line.moved != 0).count()
}

/// At the gateway itself.
fn arrive(
    stage: &Stage,
    name: &'static str,
    attempt: Uuid,
    request: &Request,
) -> Result<Answer, GatewayError> {
    let answer = request(&stage.gateway);
    let attempt = Short(attempt);
    match &answer {
        Ok(answer) => stage.world.note(format_args!("gateway: {name} {attempt}: {:?}", answer.outcome)),
        Err(error) => stage.world.note(format_args!("gateway: {name} {attempt}: {error}")),
    }
    answer
}

#[async_trait]
impl Gateway for FarGateway {
    fn capabilities(&self) -> Capabilities {
        self.0.stage.gateway.capabilities()
    }

    async fn prepare(&self, call: &Call, intent: &Intent) -> Result<String, GatewayError> {
        let (call, intent) = (call.clone(), intent.clone());
        self.inquire(move |stage| at_once(stage.gateway.prepare(&call, &intent))).await
    }

    async fn charge(
        &self,
        call: &Call,
        intent: &Intent,
        source: &Source,
        prepared: Option<&str>,
    ) -> Result<Answer, GatewayError> {
        let token = match source {
            Source::Token(token) => token.to_string(),
            Source::Card(_) => "tok_ok".to_owned(),
        };
        let (attempt, call, intent) = (call.attempt, call.clone(), intent.clone());
        let prepared = prepared.map(str::to_owned);
        if intent.capture_later {
            self.0.stage.hold(attempt);
        }
        let request: Request = Arc::new(move |gateway| {
            let source = Source::Token(token.clone().into());
            at_once(gateway.charge(&call, &intent, &source, prepared.as_deref()))
        });
        self.carry("charge", attempt, request).await
    }

    async fn capture(&self, call: &Call, charge: &str, amount: Money) -> Result<Answer, GatewayError> {
        let (attempt, call, charge) = (call.attempt, call.clone(), charge.to_owned());
        let request: Request = Arc::new(move |gateway| at_once(gateway.capture(&call, &charge, amount)));
        self.carry("capture", attempt, request).await
    }

    async fn void(&self, call: &Call, charge: &str) -> Result<Answer, GatewayError> {
        let (attempt, call, charge) = (call.attempt, call.clone(), charge.to_owned());
        let request: Request = Arc::new(move |gateway| at_once(gateway.void(&call, &charge)));
        self.carry("void", attempt, request).await
    }

    async fn refund(
        &self,
        call: &Call,
        charge: &str,
        amount: Money,
        reason: RefundReason,
    ) -> Result<Answer, GatewayError> {
        let (attempt, call, charge) = (call.attempt, call.clone(), charge.to_owned());
        let request: Request =
            Arc::new(move |gateway| at_once(gateway.refund(&call, &charge, amount, reason)));
        self.carry("refund", attempt, request).await
    }

    async fn find(&self, lookup: &Lookup) -> Result<Finding, GatewayError> {
        let lookup = lookup.clone();
        self.inquire(move |stage| at_once(stage.gateway.find(&lookup))).await
    }

    async fn cancel(&self, lookup: &Lookup) -> Result<Answer, GatewayError> {
        let lookup = lookup.clone();
        self.inquire(move |stage| stage.cancel(&lookup)).await
    }
}
