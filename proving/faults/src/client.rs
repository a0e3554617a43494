//! A client as a careful shop writes it: one idempotency key per request, sent again with it until there is an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

use crate::nodes::Known;
use crate::world::CLIENT;

/// The deadline that every call carries.
const DEADLINE: Duration = Duration::from_secs(4);
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
    faults: Arc<Faults>,
}

/// What went wrong on all lines.
#[derive(Default)]
pub(crate) struct Faults {
    /// Answers that say that the server itself is at fault.
    pub(crate) internal: std::sync::Mutex<Vec<String>>,
    /// Requests that were sent again.
    pub(crate) resent: AtomicUsize,
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
    pub(crate) fn new(nodes: Known, index: usize, faults: Arc<Faults>) -> Line {
        Line { nodes, index, faults }
    }

    /// Sends a request until there is an answer that says what became of it.
    pub(crate) async fn insist(&self, ask: &Ask, key: &str) -> Outcome {
        let give_up = Instant::now() + PATIENCE;
        for turn in 0.. {
            let channel = self.channel(turn);
            let last = match tokio::time::timeout(DEADLINE + GRACE, ask.send(channel, key)).await {
                Ok(Ok(seen)) => return Outcome::Done(seen),
                Ok(Err(status)) => match self.read(&status) {
                    Some(no) => return no,
                    None => format!("{:?}: {}", status.code(), status.message()),
                },
                Err(_) => "no answer at all".to_owned(),
            };
            if Instant::now() >= give_up {
                return Outcome::Unknown(last);
            }
            self.faults.resent.fetch_add(1, Ordering::Relaxed);
            self.look_at(ask, turn).await;
            let pause = rand::rng().random_range(PAUSE_MS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        unreachable!("there is always another turn")
    }

    /// A definite no; `None` where the request must be sent again.
    fn read(&self, status: &Status) -> Option<Outcome> {
        let details = status.get_error_details();
        // Without this the status is the transport's, not the server's.
        let info = details.error_info().filter(|info| info.domain == "digota")?;
        match (status.code(), info.reason.as_str()) {
            (Code::Internal, _) => {
                let text = format!("{}: {}", status.message(), info.reason);
                self.faults.internal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text);
                None
            }
            (Code::Aborted, "processing_error") => Some(Outcome::Declined(info.reason.clone())),
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
        let _ = tokio::time::timeout(GRACE, OrderServiceClient::new(self.channel(turn)).get(request)).await;
    }

    fn channel(&self, turn: usize) -> Channel {
        let nodes = self.nodes.borrow();
        let channels = &nodes[(self.index + turn) % nodes.len()].channels;
        channels[self.index / nodes.len() % channels.len()].clone()
    }
}

impl Ask {
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

    async fn send(&self, channel: Channel, key: &str) -> Result<Seen, Status> {
        let orders = || OrderServiceClient::new(channel.clone());
        match self.clone() {
            Ask::New(new) => Ok(seen(&orders().create(request(new, key)?).await?.into_inner())),
            Ask::Pay(pay) => Ok(seen(&orders().pay(request(pay, key)?).await?.into_inner())),
            Ask::Return(back) => Ok(seen(&orders().r#return(request(back, key)?).await?.into_inner())),
            Ask::Refund(refund) => {
                let mut payments = PaymentServiceClient::new(channel);
                Ok(seen_charge(&payments.refund_charge(request(refund, key)?).await?.into_inner()))
            }
        }
    }
}

fn request<T>(message: T, key: &str) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let key = key.parse().map_err(|_| Status::invalid_argument("the key fits in no header"))?;
    request.metadata_mut().insert("idempotency-key", key);
    request.set_timeout(DEADLINE);
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
