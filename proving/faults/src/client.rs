//! A client as a careful shop writes it: one idempotency key per request, sent again with it until there is an answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use digota_oracle::books::Scope;
use digota_oracle::history::{Outcome, Seen};
use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::orderpb::{GetRequest, NewRequest, Order, PayRequest, ReturnRequest, order};
use digota_proto::paymentpb::payment_service_client::PaymentServiceClient;
use digota_proto::paymentpb::{Charge, RefundRequest, charge};
use rand::RngExt;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::nodes::{Known, Node};
use crate::world::CLIENT;

/// The deadline that a call carries, unless somebody says otherwise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(4);
/// How much longer than that an answer is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// How long a request is sent again and again.
const PATIENCE: Duration = Duration::from_secs(90);
/// The pause before a request is sent again, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 10..50;

/// The line to whatever node is up: where one does not answer, the next one is asked.
#[derive(Clone)]
pub(crate) struct Line {
    nodes: Known,
    /// Which of the nodes is asked first, and by which connection.
    index: usize,
    deadline: Duration,
    heard: Arc<Heard>,
}

/// What was heard on all lines.
#[derive(Default)]
pub(crate) struct Heard {
    /// Answers that say that the server itself is at fault.
    pub(crate) internal: Mutex<Vec<String>>,
    /// Requests that were sent again.
    pub(crate) resent: AtomicUsize,
    /// Every answer, in the order in which they came.
    pub(crate) answers: Mutex<Vec<Answer>>,
}

/// What became of sending a request once.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) at: Instant,
    /// Which node was asked, and in which of its lives.
    pub(crate) node: usize,
    pub(crate) life: usize,
    pub(crate) said: Said,
}

#[derive(Clone)]
pub(crate) enum Said {
    /// It is done; for a payment, of which order.
    Done { paid: Option<Uuid> },
    /// A definite no.
    No,
    /// Nothing that says; it must be sent again. The reason, where the server gave one.
    Again { reason: Option<String>, text: String },
}

/// A request that changes something.
#[derive(Clone)]
pub(crate) enum Ask {
    New(NewRequest),
    Pay(PayRequest),
    Return(ReturnRequest),
    Refund(RefundRequest),
}

impl Line {
    pub(crate) fn new(nodes: Known, index: usize, deadline: Duration, heard: Arc<Heard>) -> Line {
        Line { nodes, index, deadline, heard }
    }

    /// Sends a request until there is an answer that says what became of it.
    pub(crate) async fn insist(&self, ask: &Ask, key: &str) -> Outcome {
        let give_up = Instant::now() + PATIENCE;
        for turn in 0.. {
            let (node, life, channel) = self.channel(turn);
            let sent = ask.send(channel, key, self.deadline);
            let answer = tokio::time::timeout(self.deadline + GRACE, sent).await;
            let (said, outcome) = match answer {
                Ok(Ok(seen)) => (Said::Done { paid: ask.pays(&seen) }, Some(Outcome::Done(seen))),
                Ok(Err(status)) => self.read(&status),
                Err(_) => (Said::Again { reason: None, text: "no answer at all".into() }, None),
            };
            self.heard.note(Answer { at: Instant::now(), node, life, said: said.clone() });
            if let Some(outcome) = outcome {
                return outcome;
            }
            if let (Said::Again { text, .. }, true) = (said, Instant::now() >= give_up) {
                return Outcome::Unknown(text);
            }
            self.heard.resent.fetch_add(1, Ordering::Relaxed);
            self.look_at(ask, turn).await;
            let pause = rand::rng().random_range(PAUSE_MS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        unreachable!("there is always another turn")
    }

    /// What a status says, and what it comes to: nothing, where the request must be sent again.
    fn read(&self, status: &Status) -> (Said, Option<Outcome>) {
        let details = status.get_error_details();
        // Without this the status is the transport's, not the server's.
        let reason =
            details.error_info().filter(|info| info.domain == "digota").map(|info| info.reason.clone());
        let outcome = reason.as_deref().and_then(|reason| self.definite(status, reason));
        match outcome {
            Some(no) => (Said::No, Some(no)),
            None => {
                (Said::Again { reason, text: format!("{:?}: {}", status.code(), status.message()) }, None)
            }
        }
    }

    fn definite(&self, status: &Status, reason: &str) -> Option<Outcome> {
        match (status.code(), reason) {
            (Code::Internal, _) => {
                let text = format!("{}: {reason}", status.message());
                self.heard.internal.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                None
            }
            (Code::Aborted, "processing_error") => Some(Outcome::Declined(reason.to_owned())),
            (
                Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound | Code::AlreadyExists,
                reason,
            ) => {
                // The gateway's own reasons are in lower case, the shop's in upper case.
                let declined = reason.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                Some(if declined {
                    Outcome::Declined(reason.into())
                } else {
                    Outcome::Refused(reason.into())
                })
            }
            _ => None,
        }
    }

    /// Who waits for a payment looks at its order now and then; what it says does not matter here.
    async fn look_at(&self, ask: &Ask, turn: usize) {
        let id = match ask {
            Ask::Pay(pay) => pay.id.clone(),
            Ask::Return(back) => back.id.clone(),
            Ask::New(_) | Ask::Refund(_) => return,
        };
        let mut request = Request::new(GetRequest { id });
        request.set_timeout(GRACE);
        let _ = tokio::time::timeout(GRACE, OrderServiceClient::new(self.channel(turn).2).get(request)).await;
    }

    /// The node to ask, its life, and the connection to it.
    fn channel(&self, turn: usize) -> (usize, usize, Channel) {
        let nodes = self.nodes.borrow();
        let index = (self.index + turn) % nodes.len();
        let Node { channels, life } = &nodes[index];
        (index, *life, channels[self.index / nodes.len() % channels.len()].clone())
    }
}

impl Heard {
    fn note(&self, answer: Answer) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }
}

impl Ask {
    /// The order that is paid by an answer to this.
    fn pays(&self, seen: &Seen) -> Option<Uuid> {
        matches!(self, Ask::Pay(_)).then_some(seen.object)
    }

    /// Whose key it is, on which rpc.
    pub(crate) fn scope(&self, key: &str) -> Scope {
        let method = match self {
            Ask::New(_) => "/orderpb.OrderService/New",
            Ask::Pay(_) => "/orderpb.OrderService/Pay",
            Ask::Return(_) => "/orderpb.OrderService/Return",
            Ask::Refund(_) => "/paymentpb.PaymentService/RefundCharge",
        };
        Scope { principal: CLIENT.into(), method: method.into(), key: key.into() }
    }

    async fn send(&self, channel: Channel, key: &str, deadline: Duration) -> Result<Seen, Status> {
        let orders = || OrderServiceClient::new(channel.clone());
        match self.clone() {
            Ask::New(new) => Ok(seen(&orders().create(request(new, key, deadline)?).await?.into_inner())),
            Ask::Pay(pay) => Ok(seen(&orders().pay(request(pay, key, deadline)?).await?.into_inner())),
            Ask::Return(back) => {
                Ok(seen(&orders().r#return(request(back, key, deadline)?).await?.into_inner()))
            }
            Ask::Refund(refund) => {
                let mut payments = PaymentServiceClient::new(channel);
                Ok(seen_charge(&payments.refund_charge(request(refund, key, deadline)?).await?.into_inner()))
            }
        }
    }
}

fn request<T>(message: T, key: &str, deadline: Duration) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let key = key.parse().map_err(|_| Status::invalid_argument("the key fits in no header"))?;
    request.metadata_mut().insert("idempotency-key", key);
    request.set_timeout(deadline);
    Ok(request)
}

fn seen(order: &Order) -> Seen {
    Seen {
        object: id(&order.id).unwrap_or_default(),
        status: order::Status::try_from(order.status)
            .map(|s| s.as_str_name().to_lowercase())
            .unwrap_or_default(),
        charge: id(&order.charge_id),
        refunded: order.refunded_amount,
        version: order.version,
    }
}

fn seen_charge(charge: &Charge) -> Seen {
    let object = id(&charge.id).unwrap_or_default();
    let refunded = i64::try_from(charge.refund_amount).unwrap_or(i64::MAX);
    let status = charge::Status::try_from(charge.status).map(|s| s.as_str_name().to_lowercase());
    let (status, version) = (status.unwrap_or_default(), charge.version);
    Seen { object, status, charge: Some(object), refunded, version }
}

fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}
