//! The store port's promises.
//!
//! A crate with an adapter runs all cases on it from a test target with `harness = false`:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use digota_conformance::store::{self, Bed};
//! use digota_core::port::Store;
//! use digota_core::testing::store::MemoryStore;
//!
//! // A durable store moves its directory or address into the closure: each call opens the same store again.
//! // Bed::durable(move || { let path = dir.path().join("shop.db"); async move { open(path).await as Arc<dyn Store> } })
//! fn bed() -> Bed {
//!     Bed::volatile(|| async { Arc::new(MemoryStore::new()) as Arc<dyn Store> })
//! }
//!
//! digota_conformance::run(store::trials("store::mine", bed));
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use digota_core::port::Store;
use libtest_mimic::Failed;

use crate::{Trial, cases};

mod atomic;
mod commit;
mod count;
mod drive;
mod events;
mod keys;
mod list;
mod model;
mod operations;
mod read;
mod samples;
mod stock;
mod upkeep;

use atomic::a_batch_is_all_or_nothing;
use commit::*;
use count::*;
use events::events_are_dense_and_ordered;
use keys::*;
use list::*;
use operations::*;
use read::*;
use stock::*;
use upkeep::*;

cases!(Bed;
    // reading
    a_record_comes_back_as_written,
    a_commit_is_seen_by_the_next_read,
    what_may_be_old_is_found_out,
    lists_are_in_order,
    pages_join_without_gap_or_repeat,
    filters_keep_what_matches,
    a_filter_without_an_index_is_bounded,
    offsets_skip,
    an_offset_outlives_its_page,
    a_page_is_bounded_in_bytes,
    totals_are_exact_for_declared_filters,
    attempts_are_listed_by_what_they_need,
    other_totals_are_capped,
    // committing
    a_batch_is_all_or_nothing,
    inserting_twice_is_refused,
    a_stale_version_is_refused,
    of_concurrent_replacements_one_wins,
    a_parent_with_children_stays,
    one_open_attempt_per_subject,
    // stock
    stock_never_goes_negative,
    shortages_name_every_sku,
    concurrent_reservations_never_oversell,
    setting_the_available_keeps_what_is_reserved,
    each_movement_is_kept,
    a_reservation_ends_once,
    moving_unknown_stock_is_refused,
    // keys, events, operations
    a_key_is_claimed_once,
    an_answer_is_kept,
    an_answer_keeps_its_stock,
    a_released_key_can_be_claimed_again,
    events_are_dense_and_ordered,
    an_operation_commits_once,
    a_tombstone_stops_a_late_commit,
    resolving_a_commit_says_so,
    due_attempts_come_first,
    purging_keeps_what_is_needed,
    a_commit_survives_reopening,
);

/// A store to try: empty when first opened, used by one case only.
pub struct Bed {
    open: Box<dyn Fn() -> Opening>,
    durable: bool,
    costly: bool,
}

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Store>>>>;

impl Bed {
    /// A bed whose store keeps what it acknowledged when it is closed.
    ///
    /// `open` opens the store, the same one each time; a case calls it again only after it dropped every handle of the
    /// one before. What the store needs to exist, such as a temporary directory, may live in the closure.
    pub fn durable<F, O>(open: F) -> Self
    where
        F: Fn() -> O + 'static,
        O: Future<Output = Arc<dyn Store>> + 'static,
    {
        Self { open: Box::new(move || Box::pin(open())), durable: true, costly: false }
    }

    /// A bed whose store forgets everything when it is closed: `open` makes an empty one each time.
    pub fn volatile<F, O>(open: F) -> Self
    where
        F: Fn() -> O + 'static,
        O: Future<Output = Arc<dyn Store>> + 'static,
    {
        Self { durable: false, ..Self::durable(open) }
    }

    /// Says that it takes long to make a bed, as on a server: few of them are tried where many would be.
    #[must_use]
    pub fn costly(self) -> Self {
        Self { costly: true, ..self }
    }

    async fn open(&self) -> Arc<dyn Store> {
        (self.open)().await
    }
}

pub use model::{Compared, check as answers_as_the_model};

/// One trial per case, and one that compares the store with a model of it. Of a store that is not durable, the case that reopens it
/// is listed as ignored and says why.
pub fn trials(prefix: &str, bed: impl Fn() -> Bed + Clone + Send + 'static) -> Vec<Trial> {
    let durable = bed().durable;
    let needless = |trial: &Trial| !durable && trial.name().ends_with("::a_commit_survives_reopening");
    let mark = |trial: Trial| match needless(&trial) {
        true => trial.with_kind("not durable").with_ignored_flag(true),
        false => trial,
    };
    let model = against_the_model(prefix, bed.clone());
    crate::trials(prefix, CASES, bed).into_iter().map(mark).chain([model]).collect()
}

#[expect(clippy::print_stdout, reason = "whoever plays another seed sees which")]
fn against_the_model(prefix: &str, bed: impl Fn() -> Bed + Send + 'static) -> Trial {
    let who = prefix.to_owned();
    Trial::test(format!("{prefix}::answers_as_the_model"), move || {
        let compared = answers_as_the_model(&bed).map_err(Failed::from)?;
        println!("{who} answered as the model: {compared}");
        Ok(())
    })
}
