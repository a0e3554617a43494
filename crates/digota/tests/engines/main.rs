//! Stories on storages that are servers of their own: what a shop does on the embedded one, it does there too.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

use std::sync::{Arc, OnceLock};

use digota_conformance::Trial;
use digota_servers::{POSTGRES, Postgres};

#[expect(dead_code, unused_imports, reason = "shared with the stories of `it`, which use all of it")]
#[path = "../it/harness/mod.rs"]
mod harness;
mod stories;

use stories::Engine;

fn main() {
    let server = Arc::new(OnceLock::new());
    let engine = move || {
        let server = server.get_or_init(|| Postgres::start().unwrap());
        Engine { storage: postgres(server) }
    };
    let trials = trials("stories::postgres", engine);
    digota_conformance::run(digota_conformance::without(trials, POSTGRES.folder().err()));
}

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

/// The section of a server's settings for a database of its own.
fn postgres(server: &Postgres) -> String {
    format!(
        "[storage]\nhandler = \"postgresql\"\naddress = \"{}\"\nusername = \"{}\"\npassword = \"{}\"\ndatabase = \"{}\"\n",
        server.address(),
        Postgres::USER,
        server.password(),
        server.database().unwrap()
    )
}
