//! Every adapter keeps the store port's promises.

use std::sync::Arc;

use digota_conformance::store::{self, Bed};
use digota_core::port::Store;
use digota_storage::sqlite::Sqlite;

fn main() {
    digota_conformance::run(store::trials("store::sqlite", sqlite));
}

/// A shop in a temporary folder that goes with the bed.
fn sqlite() -> Bed {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    Bed::durable(move || {
        let opened = Sqlite::open(&folder.path().join("shop.db"));
        async { Arc::new(opened.expect("the shop opens")) as Arc<dyn Store> }
    })
}
