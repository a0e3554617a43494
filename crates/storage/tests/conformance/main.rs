//! Every adapter keeps the store port's promises.

use std::sync::{Arc, OnceLock};

use digota_conformance::store::{self, Bed};
use digota_core::port::Store;
use digota_servers::{POSTGRES, Postgres};
use digota_storage::Config;
use digota_storage::sqlite::Sqlite;

mod pair;

use pair::Pair;

/// Cases of long lists: how many nodes there are makes no difference to them.
const ALIKE: &[&str] = &["list", "page", "filter", "offset", "capped"];

fn main() {
    let mut trials = store::trials("store::sqlite", sqlite);
    // One server for all cases. The last case to end stops it.
    let server = Arc::new(OnceLock::new());
    let one = {
        let server = Arc::clone(&server);
        move || postgres(Arc::clone(&server), 1)
    };
    let mut on_server = store::trials("store::postgres", one);
    let mut by_two = store::trials("store::postgres_by_two_nodes", move || postgres(Arc::clone(&server), 2));
    by_two.retain(|trial| !ALIKE.iter().any(|word| trial.name().contains(word)));
    on_server.extend(by_two);
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

/// A shop in a database of its own, with so many nodes.
fn postgres(server: Arc<OnceLock<Postgres>>, nodes: usize) -> Bed {
    let config = Arc::new(OnceLock::new());
    let bed = Bed::durable(move || {
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
        async move {
            let first = open(&config).await;
            match nodes {
                1 => first,
                _ => Arc::new(Pair::new([first, open(&config).await])),
            }
        }
    });
    bed.costly()
}

async fn open(config: &Config) -> Arc<dyn Store> {
    digota_storage::open(config).await.expect("the shop opens")
}
