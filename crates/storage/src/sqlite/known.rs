//! What the writer wrote or read a short time ago, and need not read again.
//!
//! It is the only one that writes to the file, so that what it knows stays true until it changes it itself. Where a group is given
//! up it forgets everything.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use digota_core::port::store::{KeyScope, Keys, Kind};
use digota_core::stock::Stock;
use uuid::Uuid;

/// The most of each that is known from one group to the next: of payments that take half a second, some thousands are under way.
/// Beyond it all are forgotten. Which was used last would cost more to remember than they cost to read again.
const MOST: usize = 16_384;

/// The state of rows after the group under way, as far as it is known.
#[derive(Default)]
pub(super) struct Known {
    records: HashMap<(Kind, Uuid), (u64, Keys)>,
    stock: HashMap<Uuid, Stock>,
    /// Hashes of keys that may be claimed. One that is not among them, nobody claimed for a while.
    claims: HashSet<u64>,
    hashes: RandomState,
}

impl Known {
    /// The version and the keys of a record.
    pub(super) fn record(&self, kind: Kind, id: Uuid) -> Option<&(u64, Keys)> {
        self.records.get(&(kind, id))
    }

    pub(super) fn keep_record(&mut self, id: Uuid, version: u64, keys: Keys) {
        self.records.insert((keys.kind(), id), (version, keys));
    }

    pub(super) fn drop_record(&mut self, kind: Kind, id: Uuid) {
        self.records.remove(&(kind, id));
    }

    pub(super) fn stock(&self, sku: Uuid) -> Option<Stock> {
        self.stock.get(&sku).copied()
    }

    pub(super) fn keep_stock(&mut self, sku: Uuid, stock: Stock) {
        self.stock.insert(sku, stock);
    }

    pub(super) fn may_be_claimed(&self, scope: &KeyScope) -> bool {
        self.claims.contains(&self.hashes.hash_one(scope))
    }

    pub(super) fn keep_claim(&mut self, scope: &KeyScope) {
        self.claims.insert(self.hashes.hash_one(scope));
    }

    /// Forgets everything: the group was given up.
    pub(super) fn forget(&mut self) {
        self.keep_at_most(0);
    }

    /// Makes room for what the next group makes known.
    pub(super) fn trim(&mut self) {
        self.keep_at_most(MOST);
    }

    fn keep_at_most(&mut self, most: usize) {
        if self.records.len() > most {
            self.records.clear();
        }
        if self.stock.len() > most {
            self.stock.clear();
        }
        if self.claims.len() > most {
            self.claims.clear();
        }
    }
}
