//! Reading: many statements under way on a few connections, long ones apart from short ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use digota_core::port::store::StoreError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::{Error, Row};

use super::error::{failed, is_lost};
use super::link::{Link, Plans, Server};
use super::session::Call;

/// Connections for reads of a few rows, and for lists.
const SHORT: usize = 4;
const LONG: usize = 2;

/// The most reads under way; more are turned away at once.
const READS_MAX: usize = 2048;

/// How long a read may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Reads from one database.
pub(super) struct Readers {
    short: Vec<Link>,
    long: Vec<Link>,
    next: AtomicUsize,
    room: Semaphore,
}

/// How many rows a read looks at.
#[derive(Clone, Copy)]
pub(super) enum Length {
    /// A few.
    Short,
    /// Perhaps many: nobody who wants a few should wait behind it.
    Long,
}

impl Readers {
    /// Connects when first asked.
    pub(super) fn new(server: &Arc<Server>) -> Self {
        let links = |n, plans| (0..n).map(|_| Link::new(Arc::clone(server), plans)).collect();
        let (short, long) = (links(SHORT, Plans::Once), links(LONG, Plans::Anew));
        Self { short, long, next: AtomicUsize::new(0), room: Semaphore::new(READS_MAX) }
    }

    /// How many reads are under way.
    pub(super) fn under_way(&self) -> u64 {
        READS_MAX.saturating_sub(self.room.available_permits()) as u64
    }

    /// Lets a read in that is one of many in a statement.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.room.try_acquire().map_err(|_| StoreError::Overloaded)
    }

    /// Runs one statement: one moment, and no transaction that would keep others from the connection. Asked again on a new
    /// connection where the old one was lost: asking twice does no harm.
    pub(super) async fn query(&self, length: Length, call: &Call<'_>) -> Result<Vec<Row>, StoreError> {
        let _room = self.enter()?;
        self.query_for_many(length, call).await
    }

    /// The same for readers who have all been let in.
    pub(super) async fn query_for_many(&self, length: Length, call: &Call<'_>) -> Result<Vec<Row>, StoreError> {
        match self.once(length, call).await? {
            Err(error) if is_lost(&error) => {
                self.once(length, call).await?.map_err(|error| failed(&error))
            }
            answer => answer.map_err(|error| failed(&error)),
        }
    }

    async fn once(&self, length: Length, call: &Call<'_>) -> Result<Result<Vec<Row>, Error>, StoreError> {
        let links = match length {
            Length::Short => &self.short,
            Length::Long => &self.long,
        };
        let link = &links[self.next.fetch_add(1, Ordering::Relaxed) % links.len()];
        let session = link.session().await?;
        let answer = timeout(LIMIT, session.query(call)).await;
        let is_over = answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(is_lost));
        if is_over {
            link.abandon(&session).await;
        }
        answer.map_err(|_| StoreError::Unavailable("PostgreSQL did not answer in time".into()))
    }
}
