//! Every adapter keeps the store port's promises.

use std::sync::{Arc, OnceLock};

use digota_conformance::store::{self, Bed};
use digota_core::port::Store;
use digota_servers::{POSTGRES, Postgres};
use digota_storage::Config;
use digota_storage::sqlite::Sqlite;

fn main() {
    let mut trials = store::trials("store::sqlite", sqlite);
    // One server for all cases. The last case to end stops it.
    let server = Arc::new(OnceLock::new());
    let on_server = store::trials("store::postgres", move || postgres(Arc::clone(&server)));
    trials.extend(digota_conformance::without(on_server, POSTGRES.folder().err()));
    digota_conformance::run(trials);
}

/// A shop in a temporary folder that goes with the bed.
fn sqlite() -> Bed {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    Bed::durable(move || {
        let opened = Sqlite::open(&folder.path().join("shop.db"));
        async { Arc::new(opened.expect("the shop opens")) as Arc<dyn Store> }
    })
}

/// A shop in a database of its own.
fn postgres(server: Arc<OnceLock<Postgres>>) -> Bed {
    let config = Arc::new(OnceLock::new());
    Bed::durable(move || {
        let config: &Config = config.get_or_init(|| {
            let server = server.get_or_init(|| Postgres::start().expect("PostgreSQL starts"));
            Config {
                handler: "postgresql".into(),
                address: vec![server.address()],
                username: Postgres::USER.into(),
                password: server.password().into(),
                database: server.database().expect("a database can be made"),
                ..Config::default()
            }
        });
        let config = config.clone();
        async move { digota_storage::open(&config).await.expect("the shop opens") }
    })
}
