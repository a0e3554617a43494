//! Why something was not done, or may not have been.

use uuid::Uuid;

use super::Kind;
use crate::stock::Shortage;

/// The precondition that failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is taken.
    #[error("{} {id} exists", kind.name())]
    Exists {
        /// Of which kind.
        kind: Kind,
        /// Which id.
        id: Uuid,
    },
    /// There is no such record, or no such stock.
    #[error("{} {id} is missing", kind.name())]
    Missing {
        /// Of which kind; [`Kind::Sku`] for stock.
        kind: Kind,
        /// Which id.
        id: Uuid,
    },
    /// The record has another version.
    #[error("{} {id} is at version {current}", kind.name())]
    Stale {
        /// Of which kind.
        kind: Kind,
        /// Which id.
        id: Uuid,
        /// The version that it has.
        current: u64,
    },
    /// Not enough stock: every SKU of the batch that is short.
    #[error("out of stock")]
    OutOfStock(Vec<Shortage>),
    /// The reservation of this reference was consumed or released before.
    #[error("stock of {sku} was moved for {reference} before")]
    MovedAlready {
        /// Whose stock.
        sku: Uuid,
        /// For what.
        reference: Uuid,
    },
    /// The product has SKUs.
    #[error("there are {count} SKUs")]
    Children {
        /// How many.
        count: u64,
    },
    /// The subject has an open attempt.
    #[error("another attempt is open")]
    AttemptOpen {
        /// The order or charge.
        subject: Uuid,
    },
    /// The idempotency key is taken.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// The operation was committed before, or was resolved never to be.
    #[error("the operation id was used before")]
    OperationUsed,
}

/// Why a batch was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition failed; nothing was changed.
    #[error(transparent)]
    Refused(Refusal),
    /// It may or may not have been committed.
    #[error("the commit's outcome is unknown: {0}")]
    Unknown(String),
    /// It was not committed.
    #[error(transparent)]
    Failed(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        CommitError::Failed(error)
    }
}

/// The end of an unknown commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It was committed.
    Committed,
    /// It was not, and now never will be.
    Never,
}

/// Why the store could not do what it was asked. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, or is shutting down; trying again may help.
    #[error("the storage is unavailable: {0}")]
    Unavailable(String),
    /// It has more to do than it can; trying again later helps.
    #[error("the storage is overloaded")]
    Overloaded,
    /// What it holds makes no sense, or a bug of ours; for the operator.
    #[error("the storage failed: {0}")]
    Broken(String),
}
