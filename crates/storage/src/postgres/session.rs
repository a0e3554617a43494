//! A connection: its settings, its prepared statements, and many statements under way at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::NoTls;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::table::Params;

/// What every session is told. Time limits end what hangs, and whatever lock it holds; they are shorter than the client's.
/// The planner is kept from plans that look at a whole table: statistics of a young shop would talk it into them, every
/// statement here has its index, and a plan that never changes never surprises.
const SETTINGS: &str = "
    SET statement_timeout = '20s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
    SET default_transaction_isolation = 'read committed';
    SET TimeZone = 'UTC';
    SET jit = off;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET max_parallel_workers_per_gather = 0;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// The most statements that a session keeps prepared. Only rare filters of lists could be more.
const STATEMENTS_MAX: usize = 256;

/// A statement and what it takes.
pub(super) struct Call<'a> {
    sql: &'a str,
    params: Params<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(sql: &'a str, params: Params<'a>) -> Self {
        Self { sql, params }
    }
}

/// A connection. Ends when dropped.
pub(super) struct Session {
    client: Client,
    driver: AbortHandle,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Connects and sets the session up.
    pub(super) async fn connect(
        server: &tokio_postgres::Config,
        tls: Option<&MakeRustlsConnect>,
    ) -> Result<Self, Error> {
        let (client, driver) = match tls.filter(|_| server.get_ssl_mode() != SslMode::Disable) {
            Some(tls) => {
                let (client, connection) = server.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection)))
            }
            None => {
                let (client, connection) = server.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        let session = Self { client, driver: driver.abort_handle(), statements: Mutex::default() };
        session.client.batch_execute(SETTINGS).await?;
        Ok(session)
    }

    /// Has every statement planned once and for all: planning took longer than doing. Only for statements that leave the planner
    /// no choice, whatever it is given and however large the tables grow.
    pub(super) async fn plan_once(&self) -> Result<(), Error> {
        self.script("SET plan_cache_mode = force_generic_plan").await
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a statement. Others may be under way.
    pub(super) async fn query(&self, call: &Call<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(call.sql).await?;
        self.run(&statement, &call.params).await
    }

    /// Runs a script of several statements.
    pub(super) async fn script(&self, script: &str) -> Result<(), Error> {
        self.client.batch_execute(script).await
    }

    /// Sends statements one behind the other without waiting for answers, and returns their answers in that order.
    ///
    /// # Errors
    /// Nothing was sent: a statement can't be prepared.
    pub(super) async fn pipeline(&self, calls: &[Call<'_>]) -> Result<Vec<Result<Vec<Row>, Error>>, Error> {
        let mut statements = vec![];
        for call in calls {
            statements.push(self.prepared(call.sql).await?);
        }
        // Each is sent when first polled, and they are polled in this order.
        let runs = statements.iter().zip(calls).map(|(statement, call)| self.run(statement, &call.params));
        Ok(join_all(runs).await)
    }

    async fn run(&self, statement: &Statement, params: &Params<'_>) -> Result<Vec<Row>, Error> {
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        self.client.query(statement, &params).await
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if statements.len() < STATEMENTS_MAX {
            statements.insert(sql.to_owned(), statement.clone());
        }
        Ok(statement)
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(error = super::error::explain(&error), "a connection to PostgreSQL ended");
    }
}
