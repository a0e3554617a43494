//! The PostgreSQL storage seen from outside: its openings, its failures, several nodes, its views.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use digota_conformance::Trial;
use digota_core::port::Store;
use digota_core::port::store::{Batch, CommitError, Keys, Kind, Record, Write};
use digota_core::time::Timestamp;
use digota_servers::{POSTGRES, Postgres};
use digota_storage::Config;
use uuid::Uuid;

mod crash;
mod migrating;
mod nodes;
mod opening;
mod reading;
mod views;
mod wire;

/// A test on the server that it shares with the others; it starts with the first of them.
type Test = fn(Server) -> Pin<Box<dyn Future<Output = ()>>>;

#[derive(Clone, Default)]
struct Server(Arc<OnceLock<Postgres>>);

impl std::ops::Deref for Server {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        self.0.get_or_init(|| Postgres::start().expect("PostgreSQL starts"))
    }
}

macro_rules! tests {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        const TESTS: &[(&str, Test)] = &[$((
            concat!("postgres::", stringify!($module), "::", stringify!($name)),
            |server| Box::pin($module::$name(server)),
        )),+];
    };
}

tests! {
    crash::what_a_crash_leaves_open_is_settled_for_good,
    crash::a_server_that_restarts_is_found_again,
    migrating::a_shop_of_the_first_schema_is_brought_to_this_one,
    migrating::a_node_goes_on_under_the_next_schema,
    migrating::what_older_nodes_leave_behind_is_made_good,
    migrating::what_older_nodes_leave_behind_is_made_good_while_newer_ones_serve,
    migrating::what_older_nodes_leave_behind_can_be_settled,
    migrating::a_new_schema_that_must_wait_holds_no_writer_up,
    migrating::who_only_reads_changes_nothing,
    nodes::ten_nodes_that_start_together_make_one_shop,
    nodes::nodes_in_each_others_way_lose_nothing,
    opening::each_obstacle_is_named_with_its_remedy,
    opening::a_shop_of_a_later_digota_is_refused,
    opening::tables_of_another_program_are_left_alone,
    opening::the_servers_certificate_is_verified,
    reading::reads_that_share_a_statement_are_each_answered,
    reading::a_reader_who_leaves_holds_nobody_up,
    reading::plans_of_a_young_shop_serve_an_old_one,
    views::reports_show_moments_as_text,
    wire::a_commit_whose_answer_is_lost_is_found_out,
    wire::a_commit_that_never_arrives_never_will,
    wire::a_commit_that_comes_after_its_tombstone_fails,
    wire::a_line_that_falls_silent_is_given_up,
    wire::every_commit_ends_known_and_once,
}

fn main() {
    let server = Server::default();
    let trial = |(name, test): &(&str, Test)| {
        let (server, test) = (server.clone(), *test);
        Trial::test(*name, move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(test(server));
            Ok(())
        })
    };
    let trials = TESTS.iter().map(trial).collect();
    drop(server);
    digota_conformance::run(digota_conformance::without(trials, POSTGRES.folder().err()));
}

/// 2027-01-15T08:00:00.123456Z.
const AT: Timestamp = Timestamp(1_800_000_000_123_456);

/// The `n`th id.
fn id(n: u128) -> Uuid {
    Uuid::from_u128(0xaf35_0ecc_56c8_485f_8858_0000_0000_0000 + n)
}

fn record(n: u128, keys: Keys) -> Record {
    let money = r#"{"amount":4726,"currency":"EUR"}"#;
    let body = format!(r#"{{"details":{{"name":"Tea {n}"}},"money":{money},"status":"created"}}"#);
    Record { id: id(n), version: 1, created: AT, updated: AT, keys, body }
}

fn order(n: u128) -> Write {
    Write::Insert(record(n, Keys::Order { status: 1, email: "ada@example.com".into() }))
}

/// Commits writes as operation `n`.
async fn commit(
    shop: &dyn Store,
    n: u128,
    writes: impl IntoIterator<Item = Write>,
) -> Result<(), CommitError> {
    let batch = Batch { operation: id(n), at: AT, writes: writes.into_iter().collect() };
    shop.commit(batch).await.map(|_| ())
}

async fn is_there(shop: &dyn Store, n: u128) -> bool {
    shop.get(Kind::Order, &[id(n)]).await.expect("readable")[0].is_some()
}

/// A database of its own.
fn config(server: &Postgres) -> Config {
    Config { database: server.database().expect("a database can be made"), ..nowhere(server) }
}

/// The server without a database.
fn nowhere(server: &Postgres) -> Config {
    Config {
        handler: "postgresql".into(),
        address: vec![server.address()],
        username: Postgres::USER.into(),
        password: server.password().into(),
        ..Config::default()
    }
}

async fn open(config: &Config) -> Arc<dyn Store> {
    digota_storage::open(config).await.expect("the shop opens")
}
