//! The store in memory keeps every promise of its port.

use std::sync::Arc;

use digota_conformance::store::{self, Bed};
use digota_core::port::Store;
use digota_core::testing::store::MemoryStore;

fn main() {
    let bed = || Bed::volatile(|| async { Arc::new(MemoryStore::new()) as Arc<dyn Store> });
    digota_conformance::run(store::trials("store::fake", bed));
}
