//! Versioned records, stock and one atomic batch.
//!
//! The shop keeps everything in records: a JSON document with an id, a version that rises by one per change, and the few
//! [`Keys`] that the database must guard or index. Changes go in as a [`Batch`]: all of it or nothing, each write with its
//! precondition.

mod batch;
mod load;
mod query;
mod record;
mod refusal;
mod remembered;

pub use batch::{Batch, Change, Committed, Horizon, KeyEntry, KeyScope, Write};
pub use load::Load;
pub use query::{Condition, Mark, Order, PAGE_BYTES, Page, Query, SCAN_BUDGET, Total};
pub use record::{Concern, Keys, Kind, Record};
pub use refusal::{CommitError, Refusal, Resolution, StoreError};
pub use remembered::Remembered;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::event::Event;
use crate::stock::{Movement, Stock};
use crate::time::Timestamp;

/// Keeps the shop's records.
///
/// Reading
/// - `a_record_comes_back_as_written`: `get` MUST return each record as it was last committed, in the order asked, `None`
///   where there is none.
/// - `a_commit_is_seen_by_the_next_read`: a read that starts after a commit was acknowledged MUST see it.
/// - `what_may_be_old_is_found_out`: `recent` MAY return a record as it was before other nodes changed or deleted it; it MUST NOT
///   miss one that was committed, nor return a version again that a batch with a [`Write::Check`] of it was refused for. Where the
///   store is [`exclusive`](Store::exclusive) it MUST return what `get` returns.
/// - `lists_are_in_order`: `list` MUST return records in the order of its sort, ties broken by id in the same direction.
/// - `pages_join_without_gap_or_repeat`: following `next` MUST visit every matching record once, also while others are inserted.
/// - `filters_keep_what_matches`: `list` and `count` MUST respect every [`Condition`].
/// - `a_filter_without_an_index_is_bounded`: a page MUST look at no more than [`SCAN_BUDGET`] records, and say where to go on.
/// - `offsets_skip`: `offset` MUST skip that many matching records.
/// - `an_offset_outlives_its_page`: what the budget of a page does not let it skip MUST be left to the next one, as `skip`.
/// - `a_page_is_bounded_in_bytes`: a page of several records MUST hold no more than [`PAGE_BYTES`] of documents, and say where to
///   go on.
/// - `totals_are_exact_for_declared_filters`: `count` MUST be exact without a condition and for one declared equality.
/// - `attempts_are_listed_by_what_they_need`: `list` and `count` MUST find attempts by [`Condition::Open`] and by
///   [`Condition::Concern`]; a list of attempts without one of them MUST fail.
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
/// - `an_answer_keeps_its_stock`: a claim that names a SKU MUST return that SKU's stock after the batch with its entry,
///   whatever moves later.
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

    /// The same for what goes into a batch that checks it: perhaps as they were before others, on other nodes, changed them. For
    /// what is read again and again and hardly ever changed, which a store may keep in memory.
    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        Ok(Remembered::each(self.get(kind, ids).await?))
    }

    /// One page of a list.
    async fn list(&self, query: &Query) -> Result<Page, StoreError>;

    /// How many records of a kind meet all conditions.
    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError>;

    /// The stock of these SKUs, in that order.
    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError>;

    /// A SKU's record with its stock. For the most frequent read of all, which a store may do in one go.
    async fn stocked(&self, sku: Uuid) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
        let record = self.get(Kind::Sku, &[sku]).await?.pop().flatten();
        let stock = self.stock(&[sku]).await?.pop().flatten();
        Ok(record.map(|record| (record, stock)))
    }

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

    /// How busy it is. For the operator, as far as the store knows.
    fn load(&self) -> Load {
        Load::default()
    }

    /// Whether this process is the only one that can write: attempts of other nodes are then orphans for sure.
    fn exclusive(&self) -> bool;
}
