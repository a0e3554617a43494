//! Stories on storages that are servers of their own: what a shop does on the embedded one, it does there too.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

use std::sync::{Arc, OnceLock};

use digota_conformance::Trial;
use digota_servers::{POSTGRES, Postgres, REDIS, Redis};
use digota_storage::Config;

#[expect(dead_code, unused_imports, reason = "shared with the stories of `it`, which use all of it")]
#[path = "../it/harness/mod.rs"]
mod harness;
mod nodes;
mod rush;
mod stories;

use stories::Engine;

fn main() {
    let servers: Servers = Arc::default();
    let alone = Arc::clone(&servers);
    // Each node has a lock of its own, which excludes nobody at the other.
    let without_lock = trials("stories::postgres", move || postgres(&alone));
    let mut all = digota_conformance::without(without_lock, POSTGRES.folder().err());
    let with_redis = trials("stories::postgres_and_redis", move || Engine {
        locker: redis(&servers),
        ..postgres(&servers)
    });
    let missing = POSTGRES.folder().and(REDIS.folder()).err();
    all.extend(digota_conformance::without(with_redis, missing));
    digota_conformance::run(all);
}

/// Started by the first who needs them, stopped with the last test.
type Servers = Arc<(OnceLock<Postgres>, OnceLock<Redis>)>;

/// The stories on an engine; `engine` makes an empty one for each.
fn trials(prefix: &str, engine: impl Fn() -> Engine + Clone + Send + 'static) -> Vec<Trial> {
    let trial = |(name, story): &(&str, stories::Story)| {
        let (engine, story) = (engine.clone(), *story);
        Trial::test(format!("{prefix}::{name}"), move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(story(engine()));
            Ok(())
        })
    };
    stories::ALL.iter().map(trial).collect()
}

/// A database of its own.
fn postgres(servers: &Servers) -> Engine {
    let server = servers.0.get_or_init(|| Postgres::start().unwrap());
    let config = Config {
        handler: "postgresql".into(),
        address: vec![server.address()],
        username: Postgres::USER.into(),
        password: server.password().into(),
        database: server.database().unwrap(),
        ..Config::default()
    };
    let storage = format!(
        "[storage]\nhandler = \"postgresql\"\naddress = \"{}\"\nusername = \"{}\"\npassword = \"{}\"\ndatabase = \"{}\"\n",
        config.address[0], config.username, config.password, config.database
    );
    Engine { storage, locker: String::new(), config }
}

/// The section of a server's settings for locks with keys of their own.
fn redis(servers: &Servers) -> String {
    let server = servers.1.get_or_init(|| Redis::start().unwrap());
    format!(
        "[locker]\nhandler = \"redis\"\naddress = \"{}\"\nprefix = \"{}\"\n",
        server.address(),
        server.prefix()
    )
}
