//! Brings a database to the schema of this digota. Nodes that start together take turns.
//!
//! Nodes of the schema before may be serving meanwhile, and go on until they are restarted. So a script must leave them all that
//! they use: a new column has a default, and what is not used any more goes two versions later. What they leave behind is made
//! good by `catch_up.sql`. An earlier digota that *starts* is refused.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::error::{OLDEST, OpenError, explain, is_blocked};
use super::session::{Call, Session};
use crate::{Look, Schema};

/// One script per schema version, each run once. Never edit one that was released: add another.
const SCRIPTS: &[&str] = &[include_str!("schema.sql"), include_str!("schema2.sql")];

/// Makes good what nodes of the schema before have written since it was migrated.
pub(super) const CATCH_UP: &str = include_str!("catch_up.sql");

/// Made again with every schema version.
const VIEWS: &str = include_str!("views.sql");

/// The first number of our advisory locks: "dgta". The second is a node's, or [`MIGRATING`].
pub(super) const LOCKS: i32 = 0x6467_7461;
const MIGRATING: i32 = -1;

/// Who waits for a table to be free keeps all others waiting who come later, writers of nodes that serve above all. So it is not
/// waited for longer than they can bear, which is `lock_timeout` of the session, and they have their turn before the next try.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '10min'";
const POLITELY: &str = "SET LOCAL lock_timeout = '2s'";
const PAUSE: Duration = Duration::from_secs(2);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(600);

/// Tables that a shop has from its first schema on.
const TABLES: &[&str] =
    &["products", "skus", "orders", "charges", "attempts", "stock", "movements", "events", "keys", "operations"];

/// What messages call the server, the database and us.
pub(super) struct Names {
    pub(super) address: String,
    pub(super) database: String,
    pub(super) user: String,
}

/// Checks the server, and migrates the database if it has an earlier schema or none.
pub(super) async fn migrate(session: &Session, names: &Names) -> Result<(), OpenError> {
    let said = |error: Error| names.said(&error);
    check(session, names).await?;
    if version(session).await.map_err(said)? != Some(known()) {
        in_spite_of_others(session, names, Work::Schema).await?;
    }
    in_spite_of_others(session, names, Work::CatchUp).await
}

/// What may find tables in use.
#[derive(Clone, Copy)]
enum Work {
    Schema,
    CatchUp,
}

/// Does it, again and again until they are free.
async fn in_spite_of_others(session: &Session, names: &Names, work: Work) -> Result<(), OpenError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let done = match work {
            Work::Schema => bring(session, names).await?,
            Work::CatchUp => session.script(CATCH_UP).await,
        };
        let error = match done {
            Ok(()) => return Ok(()),
            Err(error) if is_blocked(&error) => error,
            Err(error) => return Err(names.said(&error)),
        };
        session.script("ROLLBACK").await.map_err(|error| names.said(&error))?;
        if Instant::now() >= end {
            return Err(OpenError::InUse { database: names.database.clone(), needed: known() });
        }
        let (database, why) = (&names.database, explain(&error));
        tracing::warn!(database, why, "the storage's tables are in use; waiting for a better moment to change them");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Inside: what the server says of the changes themselves, none of which is made then.
async fn bring(session: &Session, names: &Names) -> Result<Result<(), Error>, OpenError> {
    let said = |error: Error| names.said(&error);
    session.script(BEGIN).await.map_err(said)?;
    let turn = Call::new("SELECT pg_advisory_xact_lock($1, $2)", vec![Box::new(LOCKS), Box::new(MIGRATING)]);
    session.query(&turn).await.map_err(said)?;
    // Another node may have done it meanwhile.
    let found = match version(session).await.map_err(said)? {
        Some(found) => found,
        None => {
            refuse_foreign(session, names).await?;
            0
        }
    };
    let known = known();
    if found > known {
        return Err(OpenError::Newer { database: names.database.clone(), found, known });
    }
    if found < known {
        tracing::info!(from = found, to = known, database = names.database, "the storage gets a new schema");
    }
    Ok(change(session, found, known).await)
}

/// Runs what is missing, and commits.
async fn change(session: &Session, found: i32, known: i32) -> Result<(), Error> {
    session.script(POLITELY).await?;
    for (script, _) in SCRIPTS.iter().zip(1..).filter(|(_, version)| *version > found) {
        session.script(script).await?;
    }
    if found < known {
        session.script(VIEWS).await?;
        let record = "CREATE TABLE IF NOT EXISTS digota_schema (version integer NOT NULL PRIMARY KEY)";
        session.script(record).await?;
        let add = format!("DELETE FROM digota_schema; INSERT INTO digota_schema (version) VALUES ({known})");
        session.script(&add).await?;
    }
    session.script("COMMIT").await
}

/// The schema of the database, 0 where there is no shop yet; refuses one that is not ours or too new. Changes nothing.
pub(super) async fn schema(session: &Session, names: &Names) -> Result<Schema, OpenError> {
    check(session, names).await?;
    let known = known();
    let found = match version(session).await.map_err(|error| names.said(&error))? {
        Some(found) => found,
        None => {
            refuse_foreign(session, names).await?;
            0
        }
    };
    match found > known {
        true => Err(OpenError::Newer { database: names.database.clone(), found, known }),
        false => Ok(Schema { found: usize::try_from(found).unwrap_or(0), needed: SCRIPTS.len() }),
    }
}

/// Whether there is a shop, and of which age; changes nothing.
pub(super) async fn look(session: &Session, names: &Names) -> Result<Look, OpenError> {
    let Schema { found, needed } = schema(session, names).await?;
    let is_new = found == 0;
    Ok(Look { is_new, is_older: !is_new && found < needed, ..Look::default() })
}

/// Refuses a database that can't be read as it is.
pub(super) async fn refuse_older(session: &Session, names: &Names) -> Result<(), OpenError> {
    let Schema { found, needed } = schema(session, names).await?;
    match found < needed {
        true => Err(OpenError::Older { database: names.database.clone(), found, known: needed }),
        false => Ok(()),
    }
}

fn known() -> i32 {
    i32::try_from(SCRIPTS.len()).unwrap_or(i32::MAX)
}

async fn check(session: &Session, names: &Names) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
                      current_setting('server_encoding')";
    let row = one(session, sql, names).await?;
    let read = |error: Error| names.said(&error);
    let (number, found): (i32, String) = (row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?);
    if number / 10_000 < OLDEST {
        return Err(OpenError::TooOld { address: names.address.clone(), found });
    }
    let found: String = row.try_get(2).map_err(read)?;
    match found.as_str() {
        "UTF8" => Ok(()),
        _ => Err(OpenError::Encoding { database: names.database.clone(), found }),
    }
}

async fn one(session: &Session, sql: &str, names: &Names) -> Result<tokio_postgres::Row, OpenError> {
    let rows = session.query(&Call::new(sql, vec![])).await.map_err(|error| names.said(&error))?;
    let why = || OpenError::Database { database: names.database.clone(), why: "it answers nothing".into() };
    rows.into_iter().next().ok_or_else(why)
}

/// The first of these tables that is there. Looked up in the catalogue itself: to_regclass may answer from a cache that does
/// not know yet what another node has just made.
async fn first_of(session: &Session, tables: &[&str]) -> Result<Option<String>, Error> {
    let sql = "SELECT relname::text FROM pg_class WHERE relname = ANY($1) AND pg_table_is_visible(oid) ORDER BY 1 LIMIT 1";
    let rows = session.query(&Call::new(sql, vec![Box::new(tables)])).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}

/// The schema version, if there is a shop.
async fn version(session: &Session) -> Result<Option<i32>, Error> {
    if first_of(session, &["digota_schema"]).await?.is_none() {
        return Ok(None);
    }
    let rows = session.query(&Call::new("SELECT version FROM digota_schema", vec![])).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}

async fn refuse_foreign(session: &Session, names: &Names) -> Result<(), OpenError> {
    match first_of(session, TABLES).await.map_err(|error| names.said(&error))? {
        Some(table) => Err(OpenError::Foreign { database: names.database.clone(), table }),
        None => Ok(()),
    }
}

impl Names {
    /// What the server said, in words that help.
    pub(super) fn said(&self, error: &Error) -> OpenError {
        let (address, database, user) = (self.address.clone(), self.database.clone(), self.user.clone());
        let code = error.code().cloned();
        let is = |wanted: SqlState| code.as_ref() == Some(&wanted);
        if is(SqlState::INVALID_CATALOG_NAME) {
            return OpenError::NoDatabase { address, database, user };
        }
        if is(SqlState::INVALID_PASSWORD) || is(SqlState::INVALID_AUTHORIZATION_SPECIFICATION) {
            return OpenError::Refused { address, user, why: explain(error) };
        }
        if is(SqlState::INSUFFICIENT_PRIVILEGE) {
            return OpenError::NotOwner { database, user };
        }
        let why = explain(error);
        match (error.as_db_error().is_some(), why.contains("server does not support TLS")) {
            (true, _) => OpenError::Database { database, why },
            (false, true) => OpenError::Connect {
                address,
                why: "it does not speak TLS; turn it on there (ssl = on in postgresql.conf), or set storage.tls = \"off\" \
                      where nobody else can listen"
                    .into(),
            },
            (false, false) if why.contains("password missing") => {
                OpenError::Refused { address, user, why: "it asks for a password".into() }
            }
            (false, false) => OpenError::Connect { address, why },
        }
    }
}
