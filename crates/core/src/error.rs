//! What can go wrong, by what the caller can do about it. The edge alone turns these into status codes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::ChargeId;
use crate::payment::decline::{Advice, Decline};
use crate::port::gateway::GatewayError;
use crate::port::lock::LockError;
use crate::port::store::{CommitError, Kind, Refusal, StoreError};
use crate::stock::Shortage;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case did not do what it was asked. Serialised where a final refusal is kept as the answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// Fix the request: every field that is wrong.
    #[error("invalid request")]
    Invalid(Vec<Violation>),
    /// Look elsewhere: there is no such thing.
    #[error("there is no {noun} {id}")]
    NotFound {
        /// What kind of thing.
        noun: String,
        /// The id asked for.
        id: Uuid,
    },
    /// Change the state of things first: the shop's rules forbid it as things stand.
    #[error("{0}")]
    Refused(Refused),
    /// Pay another way: the gateway said no.
    #[error("the gateway declined: {}", .0.code.text())]
    Declined(Decline),
    /// Read again: the version given is not the current one.
    #[error("{noun} {id} is at version {current}")]
    Stale {
        /// What kind of thing.
        noun: String,
        /// Which one.
        id: Uuid,
        /// The version that it has.
        current: u64,
    },
    /// Try again in a moment: somebody else is at it.
    #[error("{what} is busy")]
    Busy {
        /// What.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Use another idempotency key: this one was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Choose another id: it is taken.
    #[error("{noun} {id} exists")]
    Exists {
        /// What kind of thing.
        noun: String,
        /// Which id.
        id: Uuid,
    },
    /// Slow down: there is more to do than can be done.
    #[error("{what} is overloaded")]
    Overloaded {
        /// What.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Wait: something we need is not there now. Nothing was changed.
    #[error("{what} is unavailable")]
    Unavailable {
        /// What.
        what: String,
        /// When to try again.
        retry_after: Duration,
        /// For the operator's log; not for the caller.
        #[serde(skip)]
        cause: String,
    },
    /// Ask again later: whether money moved is not known yet. It is being found out.
    #[error("the outcome is not known yet")]
    Pending {
        /// The charge to ask for, if there is one already.
        charge: Option<ChargeId>,
    },
    /// Report a bug, or look at the log: our fault.
    #[error("internal error")]
    Internal {
        /// For the operator's log; not for the caller.
        #[serde(skip)]
        cause: String,
    },
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Its path in the request, as the proto spells it: `items[2].quantity`.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub description: String,
}

impl Violation {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Violation {
        Violation { field: field.into(), description: description.into() }
    }
}

/// A refusal by the shop's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which rule.
    pub reason: Reason,
    /// For a person.
    pub message: String,
    /// For a program: names and values.
    pub facts: Vec<(String, String)>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The rule that refused. Its text is the `google.rpc.ErrorInfo` reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $text)] $name),+
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &[Reason] = &[$(Reason::$name),+];

            /// The reason as clients see it.
            pub fn text(self) -> &'static str {
                match self { $(Reason::$name => $text),+ }
            }
        }
    };
}

reasons! {
    /// Not enough stock; the facts name each SKU with what was wanted and what there is.
    OutOfStock = "OUT_OF_STOCK",
    /// The SKU, or its product, is not on sale.
    SkuInactive = "SKU_INACTIVE",
    /// The SKU was deleted after the order was made.
    SkuGone = "SKU_GONE",
    /// The order was not paid in time.
    OrderExpired = "ORDER_EXPIRED",
    /// The order's status does not allow this.
    OrderStatus = "ORDER_STATUS",
    /// An order of amount 0 can't be paid.
    NothingToPay = "NOTHING_TO_PAY",
    /// A payment or refund of this order or charge is under way.
    PaymentInProgress = "PAYMENT_IN_PROGRESS",
    /// The charge's status does not allow this.
    ChargeStatus = "CHARGE_STATUS",
    /// More than is left.
    RefundExceeds = "REFUND_EXCEEDS",
    /// Nothing is left to pay back.
    NothingToRefund = "NOTHING_TO_REFUND",
    /// More than was bought and not yet returned.
    ReturnExceeds = "RETURN_EXCEEDS",
    /// More than was authorised.
    CaptureExceeds = "CAPTURE_EXCEEDS",
    /// The payment provider is not configured here.
    ProviderNotConfigured = "PROVIDER_NOT_CONFIGURED",
    /// The payment provider can't do this.
    ProviderCant = "PROVIDER_CANT",
    /// The payment's outcome is settled; the facts say as what.
    PaymentSettled = "PAYMENT_SETTLED",
    /// The gateway states the opposite of what a person says; the facts say what.
    GatewayDisagrees = "GATEWAY_DISAGREES",
    /// The payment is not on the review list.
    NotInReview = "NOT_IN_REVIEW",
    /// The storage has tools of its own for copies.
    BackupElsewhere = "BACKUP_ELSEWHERE",
    /// The product has SKUs; the facts say how many.
    ProductHasSkus = "PRODUCT_HAS_SKUS",
    /// The SKU's inventory is infinite.
    InventoryInfinite = "INVENTORY_INFINITE",
    /// There is no event at this position to go on from; the facts say which is the last.
    EventPosition = "EVENT_POSITION",
}

impl Error {
    /// One field that is wrong.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Error {
        Error::Invalid(vec![Violation::new(field, description)])
    }

    /// There is no such thing.
    pub fn not_found(kind: Kind, id: impl Into<Uuid>) -> Error {
        Error::NotFound { noun: kind.name().into(), id: id.into() }
    }

    /// A rule forbids it.
    pub fn refused(reason: Reason, message: impl Into<String>) -> Error {
        Error::Refused(Refused { reason, message: message.into(), facts: Vec::new() })
    }

    /// Our fault, with a cause for the log.
    pub fn internal(cause: impl Into<String>) -> Error {
        Error::Internal { cause: cause.into() }
    }

    /// Not enough stock.
    pub fn out_of_stock(shortages: &[Shortage]) -> Error {
        let skus: Vec<String> = shortages.iter().map(|s| s.sku.to_string()).collect();
        let facts = shortages
            .iter()
            .map(|s| (s.sku.to_string(), format!("wanted {}, available {}", s.wanted, s.available)))
            .collect();
        let message = format!("not enough stock of {}", skus.join(", "));
        Error::Refused(Refused { reason: Reason::OutOfStock, message, facts })
    }

    /// Whether this answer stays true however often the same request comes: only such answers are kept.
    pub fn is_final(&self) -> bool {
        matches!(self, Error::Declined(decline) if decline.advice != Advice::RetryLater)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::Unavailable(cause) => unavailable("the storage", cause),
            StoreError::Overloaded => {
                Error::Overloaded { what: "the storage".into(), retry_after: Duration::from_millis(100) }
            }
            StoreError::Broken(cause) => Error::internal(cause),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Error {
        match error {
            CommitError::Refused(refusal) => refusal.into(),
            CommitError::Unknown(cause) => unavailable("the storage", format!("unknown commit: {cause}")),
            CommitError::Failed(error) => error.into(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        match refusal {
            Refusal::Exists { kind, id } => Error::Exists { noun: kind.name().into(), id },
            Refusal::Missing { kind, id } => Error::not_found(kind, id),
            Refusal::Stale { kind, id, current } => Error::Stale { noun: kind.name().into(), id, current },
            Refusal::OutOfStock(shortages) => Error::out_of_stock(&shortages),
            Refusal::Children { count } => Error::Refused(Refused {
                reason: Reason::ProductHasSkus,
                message: format!("the product has {count} SKUs; delete them first, or set cascade"),
                facts: vec![("skus".into(), count.to_string())],
            }),
            Refusal::AttemptOpen { .. } => in_progress(),
            Refusal::KeyTaken => Error::Busy {
                what: "the request with this idempotency key".into(),
                retry_after: Duration::from_millis(500),
            },
            refusal @ (Refusal::MovedAlready { .. } | Refusal::OperationUsed) => {
                Error::internal(refusal.to_string())
            }
        }
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Error {
        match error {
            LockError::Busy => Error::Busy { what: "it".into(), retry_after: Duration::from_millis(500) },
            LockError::Unavailable(cause) => unavailable("the lock service", cause),
        }
    }
}

impl From<GatewayError> for Error {
    fn from(error: GatewayError) -> Error {
        match error {
            GatewayError::NotExecuted { reason, retry_after } => Error::Unavailable {
                what: "the payment gateway".into(),
                retry_after: retry_after.unwrap_or(Duration::from_secs(1)),
                cause: reason,
            },
            GatewayError::Configuration(cause) => Error::internal(format!("gateway configuration: {cause}")),
            GatewayError::Unknown(cause) => Error::internal(format!("unsettled gateway answer: {cause}")),
        }
    }
}

/// A payment or refund of the same thing is under way.
pub fn in_progress() -> Error {
    Error::refused(Reason::PaymentInProgress, "a payment or refund is under way; wait for its outcome")
}

fn unavailable(what: &str, cause: String) -> Error {
    Error::Unavailable { what: what.into(), retry_after: Duration::from_secs(1), cause }
}
