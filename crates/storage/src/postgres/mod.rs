//! Keeps a shop in a PostgreSQL database that several nodes share.
//!
//! - `address`, `tls`, `session`, `link`: how the server is reached, and reached again.
//! - `migrate`: checks the server, and brings the database to this schema (`schema.sql`).
//! - `writer`: one task commits in groups; `load` locks and reads what they speak of into a `state`, `judge` says on it
//!   what is refused, `flush` writes what changed.
//! - `read`, `point`, `gather`, `list`, `path`: reads; those of a moment that ask for the like share a statement.
//! - `mentioned`: SKUs and products that were read are remembered (`crate::recent`) for batches that check them.
//! - `upkeep`: how unknown commits ended, and what is forgotten.
//! - `table`, `error`: rows and errors.
//!
//! What was acknowledged is what the server made durable, and its standbys if it waits for them.

use std::sync::Arc;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Load, Page, Query, Record, Resolution,
    StoreError, Total, Remembered};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

use crate::recent::{self, Recent};
use crate::{Config, Look, Schema};

mod address;
mod error;
mod flush;
mod gather;
mod judge;
mod link;
mod list;
mod load;
mod mentioned;
mod migrate;
mod path;
mod point;
mod read;
mod session;
mod state;
mod table;
mod tls;
mod upkeep;
mod writer;

pub use error::OpenError;
use link::Server;
use mentioned::Mentioned;
use migrate::Names;
use point::Desk;
use read::Readers;
use session::{Call, Session};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use writer::{Connection, Writer};

/// A shop in a PostgreSQL database. Dropping it finishes what was begun.
pub struct Postgres {
    readers: Arc<Readers>,
    desk: Desk,
    recent: Recent,
    /// None where it is only read.
    writer: Option<Writer>,
}

impl Postgres {
    /// Opens the shop in this database; makes an empty one where there is none. Other nodes may have it open.
    ///
    /// # Errors
    /// Says what to do where the server can't be reached, does not let us in, is too old, or the database is not a shop
    /// that this digota can use.
    pub async fn open(config: &Config) -> Result<Self, OpenError> {
        let Way { server, tls, names } = Way::of(config)?;
        let said = |error: tokio_postgres::Error| names.said(&error);
        let session = Session::connect(&server, tls.as_ref()).await.map_err(said)?;
        migrate::migrate(&session, &names).await?;
        let connection = Connection::new(session).await.map_err(said)?;
        let server = Arc::new(Server { config: server, tls });
        let readers = Arc::new(Readers::new(&server));
        let (desk, writer) = (Desk::new(&readers), Some(Writer::start(server, connection)));
        Ok(Self { desk, readers, recent: Recent::new(), writer })
    }

    /// Opens the shop in this database for reading. Every commit fails.
    ///
    /// # Errors
    /// As [`Postgres::open`]; also [`OpenError::Older`] where it would have to be migrated.
    pub async fn open_read_only(config: &Config) -> Result<Self, OpenError> {
        let Way { server, tls, names } = Way::of(config)?;
        let session =
            Session::connect(&server, tls.as_ref()).await.map_err(|error| names.said(&error))?;
        migrate::refuse_older(&session, &names).await?;
        let readers = Arc::new(Readers::new(&Arc::new(Server { config: server, tls })));
        Ok(Self { desk: Desk::new(&readers), readers, recent: Recent::new(), writer: None })
    }

    /// The writer; refuses where there is none.
    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::Unavailable("it was opened for reading only".into()))
    }
}

/// The way to a database, and what messages call it.
struct Way {
    server: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    names: Names,
}

impl Way {
    fn of(config: &Config) -> Result<Self, OpenError> {
        let server = address::read(config)?;
        let names = Names {
            address: address::shown(&server),
            database: server.get_dbname().unwrap_or_default().to_owned(),
            user: server.get_user().unwrap_or_default().to_owned(),
        };
        let tls = match server.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(config.tls.authority.as_deref())?),
        };
        Ok(Self { server, tls, names })
    }
}

#[async_trait]
impl Store for Postgres {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        self.desk.get(kind, ids).await
    }

    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        if !recent::is_kept(kind) {
            return Ok(Remembered::each(self.get(kind, ids).await?));
        }
        let (known, turn) = self.recent.known(kind, ids);
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Remembered::each(self.get(kind, ids).await?);
        self.recent.keep(turn, read.iter().flatten());
        Ok(read)
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        list::refuse_all_attempts(query.kind, &query.conditions)?;
        list::list(&self.readers, query).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        list::count(&self.readers, kind, conditions).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        point::stock(&self.readers, skus).await
    }

    async fn stocked(&self, sku: Uuid) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
        self.desk.stocked(sku).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        point::movements(&self.readers, sku, after, limit).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.desk.key(scope).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        point::events(&self.readers, after, limit).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        point::last_position(&self.readers).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        point::due(&self.readers, now, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let writer = self.writer()?;
        let mentioned = Mentioned::in_batch(&batch);
        let outcome = writer.commit(batch).await;
        mentioned.learn(&outcome, &self.recent);
        outcome
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        self.writer()?;
        upkeep::resolve(&self.readers, operation).await
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        self.writer()?;
        upkeep::purge(&self.readers, before).await
    }

    fn load(&self) -> Load {
        let writing = self.writer.as_ref().map(Writer::load).unwrap_or_default();
        Load { reads_waiting: self.readers.under_way(), ..writing }
    }

    fn exclusive(&self) -> bool {
        false
    }
}

/// Opens the database that the configuration names.
///
/// # Errors
/// As [`Postgres::open`].
pub async fn open(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Postgres::open(config).await?))
}

/// Opens the database that the configuration names for reading only.
///
/// # Errors
/// As [`Postgres::open_read_only`].
pub async fn open_read_only(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Postgres::open_read_only(config).await?))
}

/// The schema of the database that the configuration names.
///
/// # Errors
/// As [`Postgres::open`].
pub async fn schema(config: &Config) -> Result<Schema, OpenError> {
    let Way { server, tls, names } = Way::of(config)?;
    let session = Session::connect(&server, tls.as_ref()).await.map_err(|error| names.said(&error))?;
    migrate::schema(&session, &names).await
}

/// Looks at that database and changes nothing.
///
/// # Errors
/// As [`Postgres::open`].
pub async fn look(config: &Config) -> Result<Look, OpenError> {
    let Way { server, tls, names } = Way::of(config)?;
    let said = |error: tokio_postgres::Error| names.said(&error);
    let session = Session::connect(&server, tls.as_ref()).await.map_err(said)?;
    let look = migrate::look(&session, &names).await?;
    // Microseconds, as every moment that is kept.
    let moment = |sql: &'static str| async {
        let rows = session.query(&Call::new(sql, vec![])).await?;
        rows.first().map(|row| row.try_get(0).map(Timestamp)).transpose()
    };
    let clock = moment("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await.map_err(said)?;
    let newest = match look.is_new || look.is_older {
        true => None,
        false => moment("SELECT at FROM events ORDER BY position DESC LIMIT 1").await.map_err(said)?,
    };
    Ok(Look { clock, newest, ..look })
}
