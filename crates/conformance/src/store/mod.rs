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

use crate::{Trial, cases};

mod commit;
mod drive;
mod read;
mod samples;

use commit::*;
use read::*;

cases!(Bed;
    // reading
    a_record_comes_back_as_written,
    a_commit_is_seen_by_the_next_read,
    // committing
    inserting_twice_is_refused,
    a_stale_version_is_refused,
    of_concurrent_replacements_one_wins,
);

/// A store to try: empty when first opened, used by one case only.
pub struct Bed {
    open: Box<dyn Fn() -> Opening>,
    durable: bool,
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
        Self { open: Box::new(move || Box::pin(open())), durable: true }
    }

    /// A bed whose store forgets everything when it is closed: `open` makes an empty one each time.
    pub fn volatile<F, O>(open: F) -> Self
    where
        F: Fn() -> O + 'static,
        O: Future<Output = Arc<dyn Store>> + 'static,
    {
        Self { durable: false, ..Self::durable(open) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        (self.open)().await
    }
}

/// One trial per case. Of a store that is not durable, the case that reopens it is listed as ignored and says why.
pub fn trials(prefix: &str, bed: impl Fn() -> Bed + Clone + Send + 'static) -> Vec<Trial> {
    let durable = bed().durable;
    let needless = |trial: &Trial| !durable && trial.name().ends_with("::a_commit_survives_reopening");
    let mark = |trial: Trial| match needless(&trial) {
        true => trial.with_kind("not durable").with_ignored_flag(true),
        false => trial,
    };
    crate::trials(prefix, CASES, bed).into_iter().map(mark).collect()
}
