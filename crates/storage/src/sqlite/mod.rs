//! Keeps a shop in one file: an SQLite database.
//!
//! - `file`, `connect`, `migrate`: one process opens the file for writing, and brings it to this schema (`schema.sql`).
//! - `writer`: one thread commits in groups; `judge` and `ledger` say what is refused, `apply` writes, `group` holds
//!   what the batches of a group write once, `rows` and `insert` what they insert together, `known` is what need not be read
//!   again, `checkpoint` keeps the log short.
//! - `read`, `point`, `list`, `path`: short reads run where they are asked for, long ones on threads of their own. `look`
//!   reads what there is to know before opening.
//! - SKUs and products that were read are remembered (`crate::recent`), and are never older than the file: its only writer
//!   takes out what a commit changes before that can be seen.
//! - `copy`: a copy of a shop that is being used.
//! - `table`, `counter`, `error`: rows, totals and errors.
//!
//! What was acknowledged survives the end of the process, and of the machine if its disk honours fsync.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Load, Page, Query, Record,
    Remembered, Resolution, StoreError, Total,
};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

use crate::recent::{self, Recent};
use crate::{Config, Look, Schema};

mod apply;
mod checkpoint;
mod connect;
mod copy;
mod counter;
mod error;
mod file;
mod group;
mod insert;
mod judge;
mod known;
mod list;
mod look;
mod migrate;
mod path;
mod point;
mod read;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use checkpoint::Mover;
use counter::Counter;
pub use copy::{Progress, copy};
pub use error::OpenError;
use file::{Hold, Identity};
use read::Readers;
use writer::{Done, Loop, Stopped, Work, Writer};

/// A shop in an SQLite file. Dropping it finishes what was begun and closes the file.
pub struct Sqlite {
    // Fields are dropped in this order: readers close before the writer's last checkpoint, the hold goes last.
    readers: Readers,
    writer: Option<Writer>,
    /// Only where this is the only writer.
    recent: Option<Arc<Recent>>,
    _hold: Option<Hold>,
}

impl Sqlite {
    /// Opens the shop in this file for the only process that writes to it; makes an empty one where there is no file.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while another process has it, [`OpenError::Gone`] where a shop was and is no more, others where
    /// the file is not a shop that this digota can use.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let path = &file::resolve(path)?;
        let mut hold = Hold::take(path)?;
        file::make_private(path)?;
        let identity = Identity::of(path)?;
        let mut connection = connect::writer(path)?;
        migrate::migrate(&mut connection, path)?;
        hold.sign(path)?;
        let (stopped, recent) = (Stopped::default(), Arc::new(Recent::new()));
        let database = |source| OpenError::Database { path: path.into(), source };
        let threads = |source| OpenError::File { path: path.into(), source };
        let mover = Mover::start(connect::mover(path).map_err(database)?).map_err(threads)?;
        let writing = Loop::new(connection, mover, identity, stopped.clone(), Arc::clone(&recent)).map_err(database)?;
        let writer = Writer::start(writing).map_err(threads)?;
        let readers = Readers::start(path.into(), stopped).map_err(threads)?;
        Ok(Self { readers, writer: Some(writer), recent: Some(recent), _hold: Some(hold) })
    }

    /// Opens the shop in this file for reading, also while a digota writes to it. Every commit fails.
    ///
    /// # Errors
    /// As [`Sqlite::open`]; also [`OpenError::Older`] where only a writer could migrate it.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let path = &file::resolve(path)?;
        let database = |source| OpenError::Database { path: path.into(), source };
        let connection = connect::reader(path).map_err(database)?;
        migrate::check(&connection, path)?;
        let readers = Readers::start(path.into(), Stopped::default())
            .map_err(|source| OpenError::File { path: path.into(), source })?;
        Ok(Self { readers, writer: None, recent: None, _hold: None })
    }

    /// What remembers records of this kind.
    fn remembers(&self, kind: Kind) -> Option<&Recent> {
        self.recent.as_deref().filter(|_| recent::is_kept(kind))
    }

    fn remembered(
        &self,
        recent: &Recent,
        kind: Kind,
        ids: &[Uuid],
    ) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        self.readers.check()?;
        let (known, turn) = recent.known(kind, ids);
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Remembered::each(self.readers.short(|connection| point::get(connection, kind, ids))?);
        recent.keep(turn, found.iter().flatten());
        Ok(found)
    }

    async fn write(&self, work: Work) -> Result<Done, CommitError> {
        match &self.writer {
            Some(writer) => writer.run(work).await,
            None => Err(StoreError::Unavailable("it was opened for reading only".into()).into()),
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        match self.remembers(kind) {
            Some(recent) => {
                let found = self.remembered(recent, kind, ids)?;
                Ok(found.iter().map(|record| record.as_deref().map(|record| Record::clone(record))).collect())
            }
            None => self.readers.short(|connection| point::get(connection, kind, ids)),
        }
    }

    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        match self.remembers(kind) {
            Some(recent) => self.remembered(recent, kind, ids),
            None => Ok(Remembered::each(self.get(kind, ids).await?)),
        }
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        list::listable(query.kind, &query.conditions)?;
        let query = query.clone();
        self.readers.long(move |connection| list::list(connection, &query)).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        if list::is_kept(kind, conditions) {
            return self.readers.short(|connection| list::count(connection, kind, conditions));
        }
        let conditions = conditions.to_vec();
        self.readers.long(move |connection| list::count(connection, kind, &conditions)).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        self.readers.short(|connection| point::stock(connection, skus))
    }

    async fn stocked(&self, sku: Uuid) -> Result<Option<(Record, Option<Stock>)>, StoreError> {
        let read = || self.readers.short(|connection| point::stocked(connection, sku));
        let Some(recent) = &self.recent else { return read() };
        let (known, turn) = recent.known(Kind::Sku, &[sku]);
        if let Some(record) = known.and_then(|mut known| known.pop().flatten()) {
            let stock = self.readers.short(|connection| group::stored_stock(connection, sku))?;
            // One moment: the record was the same when the stock was read.
            if recent.is_still(turn) {
                return Ok(Some((Record::clone(&record), stock)));
            }
            return read();
        }
        let Some((record, stock)) = read()? else { return Ok(None) };
        let remembered = Arc::new(record.into());
        recent.keep(turn, [&remembered].into_iter());
        Ok(Some((Record::clone(&remembered), stock)))
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.readers.long(move |connection| point::movements(connection, sku, after, limit)).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        self.readers.short(|connection| point::key(connection, scope))
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.readers.long(move |connection| point::events(connection, after, limit)).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.readers.short(|connection| Counter::Event.read(connection)).map(i64::cast_unsigned)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.readers.long(move |connection| point::due(connection, now, limit)).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        match self.write(Work::Commit(batch)).await? {
            Done::Committed(committed) => Ok(committed),
            Done::Refused(refusal) => Err(CommitError::Refused(refusal)),
            other => Err(other.into_error().into()),
        }
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        match self.write(Work::Resolve(operation)).await.map_err(settled)? {
            Done::Resolved(resolution) => Ok(resolution),
            other => Err(other.into_error()),
        }
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        match self.write(Work::Purge(*before)).await.map_err(settled)? {
            Done::Purged(rows) => Ok(rows),
            other => Err(other.into_error()),
        }
    }

    fn load(&self) -> Load {
        let writing = self.writer.as_ref().map(Writer::load).unwrap_or_default();
        Load { reads_waiting: self.readers.waiting(), ..writing }
    }

    fn exclusive(&self) -> bool {
        self.writer.is_some()
    }
}

/// The error of work that can be asked for again, whether it was done or not.
fn settled(error: CommitError) -> StoreError {
    match error {
        CommitError::Failed(error) => error,
        CommitError::Unknown(why) => StoreError::Unavailable(why),
        CommitError::Refused(refusal) => StoreError::Broken(refusal.to_string()),
    }
}

/// Opens the file that the configuration names.
///
/// # Errors
/// As [`Sqlite::open`].
pub async fn open(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Sqlite::open(path(config))?))
}

/// Opens the file that the configuration names for reading only.
///
/// # Errors
/// As [`Sqlite::open_read_only`].
pub async fn open_read_only(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Sqlite::open_read_only(path(config))?))
}

/// The schema of the file that the configuration names.
///
/// # Errors
/// As [`Sqlite::open_read_only`], but for a shop of an earlier digota.
pub async fn schema(config: &Config) -> Result<Schema, OpenError> {
    let path = &file::resolve(path(config))?;
    let connection = connect::reader(path).map_err(|source| OpenError::Database { path: path.into(), source })?;
    migrate::known(&connection, path)
}

/// Looks at that file and changes nothing.
///
/// # Errors
/// As [`Sqlite::open`], but for a shop that is in use.
pub async fn look(config: &Config) -> Result<Look, OpenError> {
    look::look(path(config))
}

/// The file that the configuration names: its address, or its database where that is empty.
pub fn path(config: &Config) -> &Path {
    Path::new(config.address.first().filter(|path| !path.is_empty()).unwrap_or(&config.database))
}
