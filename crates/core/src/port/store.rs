//! Versioned records, stock and one atomic batch.
//!
//! The shop keeps everything in records: a JSON document with an id, a version that rises by one per change, and the few
//! [`Keys`] that the database must guard or index. Changes go in as a [`Batch`]: all of it or nothing, each write with its
//! precondition.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Event;
use crate::stock::{Movement, Shortage, Stock};
use crate::time::Timestamp;

/// Keeps the shop's records.
///
/// Reading
/// - `a_record_comes_back_as_written`: `get` MUST return each record as it was last committed, in the order asked, `None`
///   where there is none.
/// - `a_commit_is_seen_by_the_next_read`: a read that starts after a commit was acknowledged MUST see it.
/// - `lists_are_in_order`: `list` MUST return records in the order of its sort, ties broken by id in the same direction.
/// - `pages_join_without_gap_or_repeat`: following `next` MUST visit every matching record once, also while others are inserted.
/// - `filters_keep_what_matches`: `list` and `count` MUST respect every [`Condition`].
/// - `a_filter_without_an_index_is_bounded`: a page MUST look at no more than [`SCAN_BUDGET`] records, and say where to go on.
/// - `offsets_skip`: `offset` MUST skip that many matching records.
/// - `totals_are_exact_for_declared_filters`: `count` MUST be exact without a condition and for one declared equality.
/// - `other_totals_are_capped`: any other `count` MUST stop at [`SCAN_BUDGET`] and say so.
///
/// Committing
/// - `a_batch_is_all_or_nothing`: a refused batch MUST leave no trace: no record, stock, movement, event, key or count.
/// - `inserting_twice_is_refused`: [`Write::Insert`] MUST be refused with [`Refusal::Exists`] where the id is taken.
/// - `a_stale_version_is_refused`: [`Write::Replace`], [`Write::Delete`] and [`Write::Check`] at a version MUST be refused with
///   [`Refusal::Stale`] and the current version where that is another one, with [`Refusal::Missing`] where there is none.
/// - `of_concurrent_replacements_one_wins`: of many concurrent replacements at one version exactly one MUST be committed.
/// - `a_parent_with_children_stays`: [`Write::NoChildren`] MUST be refused with the number of SKUs while there are any, and a
///   SKU MUST NOT slip in while its product is being deleted.
/// - `one_open_attempt_per_subject`: an insert of an open attempt MUST be refused with [`Refusal::AttemptOpen`] while its
///   subject has another that is open.
///
/// Stock
/// - `stock_never_goes_negative`: `0 <= reserved <= on_hand` MUST hold whatever is asked, guarded by the database.
/// - `shortages_name_every_sku`: a batch short of stock MUST be refused with every SKU that is short.
/// - `concurrent_reservations_never_oversell`: of many concurrent reservations exactly as many MUST be committed as there is stock.
/// - `setting_the_available_keeps_what_is_reserved`: after [`Change::SetAvailable`] `on_hand - reserved` MUST be what was asked.
/// - `each_movement_is_kept`: the movements of a SKU MUST add up to its stock.
/// - `a_reservation_ends_once`: a second consume or release for the same reference and SKU MUST be refused with
///   [`Refusal::MovedAlready`].
/// - `moving_unknown_stock_is_refused`: a movement of a SKU without stock MUST be refused with [`Refusal::Missing`].
///
/// Keys, events, operations
/// - `a_key_is_claimed_once`: of many concurrent claims of a key exactly one MUST be committed, the others refused with
///   [`Refusal::KeyTaken`].
/// - `an_answer_is_kept`: an answered key MUST return its answer and fingerprint until purged.
/// - `a_released_key_can_be_claimed_again`: a released key MUST be free.
/// - `events_are_dense_and_ordered`: positions MUST start at 1, leave no gap, and rise per object with its version.
/// - `an_operation_commits_once`: a batch whose operation id was used before MUST be refused with [`Refusal::OperationUsed`].
/// - `a_tombstone_stops_a_late_commit`: after [`Store::resolve`] said [`Resolution::Never`] that operation MUST NOT commit.
/// - `resolving_a_commit_says_so`: [`Store::resolve`] of a committed operation MUST say [`Resolution::Committed`].
/// - `due_attempts_come_first`: `due` MUST return open attempts whose time has come, the longest due first.
/// - `purging_keeps_what_is_needed`: `purge` MUST drop old operations, keys and events, and no key whose attempt is open.
/// - `a_commit_survives_reopening`: what was acknowledged MUST be there after the store was closed and opened, where it is durable.
#[async_trait]
pub trait Store: Send + Sync {
    /// The records with these ids, in that order.
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError>;

    /// One page of a list.
    async fn list(&self, query: &Query) -> Result<Page, StoreError>;

    /// How many records of a kind meet all conditions.
    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError>;

    /// The stock of these SKUs, in that order.
    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError>;

    /// The movements of a SKU whose number is above `after`, oldest first, with their numbers.
    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError>;

    /// What is known of an idempotency key.
    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError>;

    /// Events whose position is above `after`, in order of position.
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError>;

    /// The position of the last event; 0 if there is none.
    async fn last_position(&self) -> Result<u64, StoreError>;

    /// Open attempts whose `due` is at or before `now`, the longest due first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// Commits a batch: all of it or nothing.
    ///
    /// # Errors
    /// [`CommitError::Refused`] names the precondition that failed. [`CommitError::Unknown`]: the batch may or may not be
    /// committed; ask [`Store::resolve`]. [`CommitError::Failed`]: nothing was committed.
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError>;

    /// Settles an unknown commit, for good: either it was committed, or it never will be.
    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError>;

    /// Drops operations, keys and events made before these moments, at most some thousands at a time; returns how many.
    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError>;

    /// Whether this process is the only one that can write: attempts of other nodes are then orphans for sure.
    fn exclusive(&self) -> bool;
}

/// The most records that one page or one capped count may look at.
pub const SCAN_BUDGET: u32 = 10_000;

/// What kind of thing a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A product.
    Product,
    /// A SKU.
    Sku,
    /// An order.
    Order,
    /// A charge.
    Charge,
    /// An attempt to move money.
    Attempt,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge, Kind::Attempt];

    /// Its name in lower case: `product`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Sku => "sku",
            Kind::Order => "order",
            Kind::Charge => "charge",
            Kind::Attempt => "attempt",
        }
    }
}

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its identity within its kind.
    pub id: Uuid,
    /// 1 when inserted, one more per replacement.
    pub version: u64,
    /// When it was inserted.
    pub created: Timestamp,
    /// When it was last replaced.
    pub updated: Timestamp,
    /// What the database guards or indexes.
    pub keys: Keys,
    /// The document: JSON, without secrets.
    pub body: String,
}

/// The parts of a document that the database must see. Also says the record's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Of a product.
    Product {
        /// Whether it is on sale.
        active: bool,
    },
    /// Of a SKU.
    Sku {
        /// Its product.
        parent: Uuid,
        /// Whether it is on sale.
        active: bool,
    },
    /// Of an order.
    Order {
        /// Number of its status on the wire.
        status: u8,
        /// Whose order; empty if not said.
        email: String,
    },
    /// Of a charge.
    Charge {
        /// The order that it pays, if any.
        order: Option<Uuid>,
        /// Number of its status on the wire.
        status: u8,
    },
    /// Of an attempt.
    Attempt {
        /// What it keeps from being paid or refunded by another meanwhile: the order, or the charge that has none.
        subject: Uuid,
        /// Set while its outcome is not final: when to look at it next.
        due: Option<Timestamp>,
    },
}

impl Keys {
    /// The kind of record that has such keys.
    pub fn kind(&self) -> Kind {
        match self {
            Keys::Product { .. } => Kind::Product,
            Keys::Sku { .. } => Kind::Sku,
            Keys::Order { .. } => Kind::Order,
            Keys::Charge { .. } => Kind::Charge,
            Keys::Attempt { .. } => Kind::Attempt,
        }
    }

    /// The conditions whose totals a store keeps by counter that a record with these keys meets.
    pub fn counted(&self) -> Vec<Condition> {
        match *self {
            Keys::Product { active } => vec![Condition::Active(active)],
            Keys::Sku { parent, active } => vec![Condition::Parent(parent), Condition::Active(active)],
            Keys::Order { status, .. } => vec![Condition::Status(status)],
            Keys::Charge { order, .. } => order.map(Condition::Order).into_iter().collect(),
            Keys::Attempt { .. } => vec![],
        }
    }

    /// Whether a record of `created` with these keys meets a condition.
    pub fn meet(&self, created: Timestamp, condition: &Condition) -> bool {
        match (condition, self) {
            (Condition::Active(want), Keys::Product { active } | Keys::Sku { active, .. }) => want == active,
            (Condition::Parent(want), Keys::Sku { parent, .. }) => want == parent,
            (Condition::Status(want), Keys::Order { status, .. } | Keys::Charge { status, .. }) => {
                want == status
            }
            (Condition::Email(want), Keys::Order { email, .. }) => want == email,
            (Condition::Order(want), Keys::Charge { order, .. }) => Some(*want) == *order,
            (Condition::Created { from, until }, _) => {
                from.is_none_or(|from| created >= from) && until.is_none_or(|until| created < until)
            }
            _ => false,
        }
    }
}

/// What records of a list must be like. Several are joined by "and".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Products and SKUs: on sale or not.
    Active(bool),
    /// SKUs: of this product.
    Parent(Uuid),
    /// Orders and charges: in this status, by its number on the wire.
    Status(u8),
    /// Orders: of exactly this e-mail address.
    Email(String),
    /// Charges: of this order.
    Order(Uuid),
    /// Any kind: inserted at or after `from` and before `until`.
    Created {
        /// The first moment that counts.
        from: Option<Timestamp>,
        /// The first moment that no longer counts.
        until: Option<Timestamp>,
    },
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By when it was changed, not by when it was inserted.
    pub by_updated: bool,
    /// Latest first.
    pub descending: bool,
}

/// Where a page ended: the sorted-by moment and the id of the last record looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `created` or `updated`, as the order says.
    pub at: Timestamp,
    /// The tie-breaker.
    pub id: Uuid,
}

/// What to list. Attempts can't be listed; see [`Store::due`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of which kind.
    pub kind: Kind,
    /// Which ones.
    pub conditions: Vec<Condition>,
    /// In which order.
    pub order: Order,
    /// Only what comes after this mark.
    pub after: Option<Mark>,
    /// How many matching records to skip.
    pub offset: u32,
    /// How many to return at most.
    pub limit: u32,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in order; may be fewer than asked for although more follow.
    pub records: Vec<Record>,
    /// Where the next page starts; `None` where nothing follows.
    pub next: Option<Mark>,
}

/// A number of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// How many; at least that many if capped.
    pub count: u64,
    /// Whether counting stopped at [`SCAN_BUDGET`].
    pub capped: bool,
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its identity: the same operation never commits twice.
    pub operation: Uuid,
    /// When it happens, by the clock of the node.
    pub at: Timestamp,
    /// What it does. The order does not matter to the outcome.
    pub writes: Vec<Write>,
}

/// One write with its precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Adds a record; refused if its id is taken.
    Insert(Record),
    /// Puts a record in the place of its version before (`record.version - 1`).
    Replace {
        /// The new state.
        record: Record,
        /// The keys of the version replaced: what the counters lose.
        was: Keys,
    },
    /// Removes a record at a version.
    Delete {
        /// Which one.
        id: Uuid,
        /// The version that was read.
        version: u64,
        /// Its keys: its kind, and what the counters lose.
        was: Keys,
    },
    /// Refuses unless the record exists, at that version if one is given. Changes nothing.
    Check {
        /// Of which kind.
        kind: Kind,
        /// Which one.
        id: Uuid,
        /// At which version, if that matters.
        version: Option<u64>,
    },
    /// Refuses while any SKU has this product as its parent. Changes nothing.
    NoChildren(Uuid),
    /// Gives a SKU its stock; refused with [`Refusal::Exists`] if it has one.
    OpenStock {
        /// The SKU.
        sku: Uuid,
        /// Its first quantity, kept as a movement.
        on_hand: i64,
    },
    /// Moves stock, if the guard allows.
    Move {
        /// Whose stock.
        sku: Uuid,
        /// How.
        change: Change,
        /// The attempt or order that caused it; `None` for a hand's adjustment.
        reference: Option<Uuid>,
        /// Why, for a person who reads the ledger.
        reason: String,
    },
    /// Appends an event.
    Append(Event),
    /// Claims an idempotency key; refused if it is taken.
    Claim {
        /// Whose key.
        scope: KeyScope,
        /// What is known of it from now on.
        entry: KeyEntry,
    },
    /// Gives the answer to a claimed key. Does nothing if the key is gone.
    Answer {
        /// Whose key.
        scope: KeyScope,
        /// The answer, for good.
        answer: String,
    },
    /// Frees a claimed key: what was tried had no effect. Does nothing if the key is gone.
    Free(KeyScope),
}

/// A movement of stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Holds this many for a payment: needs that many available.
    Reserve(i64),
    /// Takes this many out for good: they were reserved.
    Consume(i64),
    /// Stops holding this many: they were reserved.
    Release(i64),
    /// Puts this many back: they had been sold.
    Return(i64),
    /// Adds this many, or takes as many away: needs that many available.
    Adjust(i64),
    /// Makes this many available at this commit, whatever is reserved.
    SetAvailable(i64),
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The stock after each SKU's last movement in the batch.
    pub stock: Vec<(Uuid, Stock)>,
}

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

/// Whose idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyScope {
    /// The caller's name in the whitelist.
    pub principal: String,
    /// The rpc, as `/orderpb.OrderService/Pay`.
    pub method: String,
    /// What the caller sent.
    pub key: String,
}

/// What is known of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// SHA-256 of the request, in lower-case hexadecimal.
    pub fingerprint: String,
    /// The attempt that will answer, while there is no answer.
    pub attempt: Option<Uuid>,
    /// The answer, JSON; final.
    pub answer: Option<String>,
}

/// What is too old to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Operation ids made before this.
    pub operations: Timestamp,
    /// Idempotency keys claimed before this, unless their attempt is open.
    pub keys: Timestamp,
    /// Events appended before this; `None` keeps all.
    pub events: Option<Timestamp>,
}
