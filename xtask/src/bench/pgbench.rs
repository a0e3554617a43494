//! PostgreSQL by itself: `pgbench` sends the statements that a node sends for one call, each call a transaction of its own,
//! to the database of that node and in the same round. Beside it stands what grouping and the rest of the server make of it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, Result, bail};
use digota_servers::Postgres;

use super::plan::Rounds;
use super::stage::Stage;

/// Connections, and the threads that drive them. More connections are no faster on a few cores.
pub(super) const CLIENTS: u32 = 32;
pub(super) const THREADS: u32 = 2;

/// The statements of each flow. They find rows by numbers that [`PREPARE`] gives them, and take documents from [`samples`].
const SCRIPTS: &[(&str, &str)] = &[
    ("sku-get", include_str!("pgbench/sku-get.sql")),
    ("order-new", include_str!("pgbench/order-new.sql")),
    ("order-pay", include_str!("pgbench/order-pay.sql")),
];

/// Rows whose ids can be computed, like those that the server made: 1000 SKUs, and 100 orders for each client.
const PREPARE: &str = "
    CREATE OR REPLACE FUNCTION nth(bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
        AS $$ SELECT lpad(to_hex($1), 32, '0')::uuid $$;
    INSERT INTO skus (id, version, created, updated, parent, active, body)
        SELECT nth(n), version, created, updated, parent, active, body
        FROM (SELECT * FROM skus LIMIT 1) AS sample, generate_series(1, 1000) AS n ON CONFLICT DO NOTHING;
    INSERT INTO stock (sku, on_hand, reserved, version)
        SELECT nth(n), 1000000000, 0, 1 FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING;
    INSERT INTO orders (id, version, created, updated, status, email, body)
        SELECT nth(n), version, created, updated, status, email, body
        FROM (SELECT * FROM orders LIMIT 1) AS sample, generate_series(1, 3200) AS n ON CONFLICT DO NOTHING";

/// What the scripts take beside numbers, as the server wrote it: each with a query for it.
const SAMPLES: &[(&str, &str)] = &[
    ("at", "SELECT (extract(epoch FROM now()) * 1000000)::bigint"),
    ("product", "SELECT id FROM products LIMIT 1"),
    ("order_body", "SELECT body FROM orders ORDER BY updated DESC LIMIT 1"),
    ("charge", "SELECT body FROM charges LIMIT 1"),
    ("attempt", "SELECT body FROM attempts LIMIT 1"),
    ("answer", "SELECT answer FROM keys WHERE answer IS NOT NULL LIMIT 1"),
    ("order_event", "SELECT body FROM events WHERE kind = 'order' ORDER BY position DESC LIMIT 1"),
    ("charge_event", "SELECT body FROM events WHERE kind = 'charge' LIMIT 1"),
];

/// A node's own session settings that bear on plans.
const SESSION: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
                       -c max_parallel_workers_per_gather=0 -c jit=off";

/// Whether it lies beside the server's programs.
pub(super) fn is_there(server: &Postgres) -> bool {
    program(server).is_file()
}

fn program(server: &Postgres) -> PathBuf {
    server.programs().join("pgbench")
}

/// Runs the statements of a flow; returns transactions per second. The server must have played the flow before.
pub(super) fn run(
    server: &Postgres,
    database: &str,
    flow: &str,
    (round, rounds): (u32, &Rounds),
    stage: &Stage,
) -> Result<f64> {
    let (_, script) =
        SCRIPTS.iter().find(|(name, _)| *name == flow).context("pgbench has no script of it")?;
    let file = stage.path(&format!("pgbench-{flow}.sql"));
    fs::write(&file, script)?;
    let sql = |sql: &str| server.sql(database, sql).map_err(Error::msg);
    sql(PREPARE)?;
    let address = server.address();
    let (host, port) = address.rsplit_once(':').context("the server has no port")?;
    let mut command = Command::new(program(server));
    command.args(["-h", host, "-p", port, "-U", Postgres::USER, "-n", "-M", "prepared"]);
    command.arg(format!("--client={CLIENTS}")).arg(format!("--jobs={THREADS}"));
    // Whole seconds are all that it can do.
    command.arg(format!("--time={}", rounds.time_ms.div_ceil(1000))).arg("--file").arg(file);
    // No round uses the numbers of another.
    command.arg(format!("--define=n={}", u64::from(round) * 1_000_000_000));
    for (name, query) in SAMPLES.iter().filter(|(name, _)| takes(script, name)) {
        command.arg(format!("--define={name}={}", sql(query)?));
    }
    command.arg(database).env("PGPASSWORD", server.password()).env("PGOPTIONS", SESSION);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    rate(&said).with_context(|| format!("pgbench says no rate: {said}"))
}

fn takes(script: &str, name: &str) -> bool {
    script.contains(&format!(":{name}"))
}

/// Transactions per second, in what pgbench prints in the end.
fn rate(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{PLAN, Storage};

    #[test]
    fn the_rate_is_read_without_the_time_to_connect() {
        let said = "number of failed transactions: 0 (0.000%)\nlatency average = 3.021 ms\n\
                    initial connection time = 54.010 ms\ntps = 10592.551 (without initial connection time)\n";
        assert!((rate(said).unwrap() - 10592.551).abs() < 1e-9);
        assert_eq!(rate("nothing"), None);
    }

    #[test]
    fn every_row_on_postgresql_has_its_statements() {
        let on_postgres = PLAN.iter().filter(|plan| plan.storage == Storage::Postgresql);
        assert!(on_postgres.clone().count() > 0);
        for plan in on_postgres {
            assert!(SCRIPTS.iter().any(|(flow, _)| *flow == plan.flow), "{}", plan.flow);
        }
    }

    #[test]
    fn every_sample_has_its_taker() {
        for (name, _) in SAMPLES {
            assert!(SCRIPTS.iter().any(|(_, script)| takes(script, name)), "{name}");
        }
    }
}
