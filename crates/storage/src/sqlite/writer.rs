//! The one thread that writes. It takes whatever waits into one transaction, and answers once that is on the disk.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use digota_core::port::store::{
    Batch, CommitError, Committed, Horizon, Load, Refusal, Resolution, StoreError, Write,
};
use digota_core::time::Timestamp;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::apply;
use super::checkpoint::{Checkpoints, Mover};
use super::error::{Fault, explain, failed, is_harmless_at_commit, is_of_one_batch};
use super::file::Identity;
use super::group::Group;
use super::known::Known;
use super::rows::Rows;
use crate::busy::Busy;
use crate::recent::{Recent, changed};

/// The most pieces of work that wait; more are turned away at once.
const QUEUE_MAX: usize = 4096;

/// The most pieces of work in one transaction.
const GROUP_MAX: usize = 128;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Work {
    Commit(Batch),
    Resolve(Uuid),
    Purge(Horizon),
    /// Lets a test break things from inside.
    #[cfg(test)]
    Sabotage(fn(&Connection)),
}

impl Work {
    fn writes(&self) -> &[Write] {
        match self {
            Work::Commit(batch) => &batch.writes,
            _ => &[],
        }
    }
}

/// What it did, in the transaction that was committed.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Committed(Committed),
    Refused(Refusal),
    Resolved(Resolution),
    Purged(u64),
    /// This one failed, and the others of its group did not.
    Failed(StoreError),
    #[cfg(test)]
    Sabotaged,
}

impl Done {
    /// The error where something else should have been done.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Done::Failed(error) => error,
            other => StoreError::Broken(format!("the writer did something else: {other:?}")),
        }
    }
}

/// Set once the disk can't be trusted any more: why. Nothing is written or read from then on.
pub(super) type Stopped = Arc<OnceLock<String>>;

/// The way to the writer thread. When it is dropped, the thread finishes what waits and closes the database.
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    busy: Arc<Busy>,
}

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, CommitError>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(writing: Loop) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("digota-write".into());
        let busy = Busy::new();
        let counted = Arc::clone(&busy);
        let thread = thread.spawn(move || writing.run(&jobs, &counted))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), busy })
    }

    /// How busy it is.
    pub(super) fn load(&self) -> Load {
        self.busy.load()
    }

    /// Has work done. It is done even if the caller no longer waits.
    pub(super) async fn run(&self, work: Work) -> Result<Done, CommitError> {
        let answer = self.begin(work)?;
        answer.await.unwrap_or_else(|_| Err(CommitError::Unknown("the storage's writer failed".into())))
    }

    /// Puts work in the queue.
    pub(super) fn begin(
        &self,
        work: Work,
    ) -> Result<oneshot::Receiver<Result<Done, CommitError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().expect("taken only by drop");
        self.busy.one_waits();
        queue.try_send(Job { work, reply }).map_err(|error| {
            self.busy.one_left();
            match error {
                TrySendError::Full(_) => StoreError::Overloaded,
                TrySendError::Disconnected(_) => StoreError::Unavailable("its writer failed; restart".into()),
            }
        })?;
        Ok(answer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the storage's writer had failed");
        }
    }
}

/// What the thread does, and with what.
pub(super) struct Loop {
    connection: Connection,
    file: Identity,
    stopped: Stopped,
    recent: Arc<Recent>,
    known: Known,
    checkpoints: Checkpoints,
    /// The latest moment that a batch spoke of: the store has no clock.
    latest: Timestamp,
}

impl Loop {
    pub(super) fn new(
        mut connection: Connection,
        mover: Mover,
        file: Identity,
        stopped: Stopped,
        recent: Arc<Recent>,
    ) -> rusqlite::Result<Self> {
        let checkpoints = Checkpoints::watch(&mut connection, mover)?;
        let latest = "SELECT coalesce((SELECT at FROM operations ORDER BY id DESC LIMIT 1), 0)";
        let latest = Timestamp(connection.query_row(latest, [], |row| row.get(0))?);
        Ok(Self { connection, file, stopped, recent, known: Known::default(), checkpoints, latest })
    }

    fn run(mut self, jobs: &Receiver<Job>, busy: &Busy) {
        let (mut groups, mut pieces) = (0u64, 0u64);
        while let Ok(first) = jobs.recv() {
            let since = Instant::now();
            let mut group = vec![first];
            let outcome = match self.stopped.get() {
                Some(why) => Err(StoreError::Unavailable(why.clone()).into()),
                None => self.run_group(&mut group, jobs),
            };
            groups += 1;
            pieces += group.len() as u64;
            busy.done(group.len(), since.elapsed());
            answer(group, outcome);
            if self.stopped.get().is_none() {
                self.checkpoints.run_if_due(&self.connection);
            }
            digota_heap::at_rest();
        }
        if self.stopped.get().is_none() {
            self.checkpoints.run_last(&self.connection);
        }
        tracing::info!(groups, pieces, "the storage is closed");
    }

    /// Commits a group; more work joins while it is applied. What was done for each, or why nothing was done for any.
    fn run_group(&mut self, group: &mut Vec<Job>, jobs: &Receiver<Job>) -> Result<Vec<Done>, CommitError> {
        let outcome = match self.apply_all(group, jobs) {
            Err(error) if is_of_one_batch(&error) => {
                tracing::debug!(%error, "a batch met what is there already; its group is applied one by one");
                self.roll_back();
                self.apply_each(group)
            }
            outcome => outcome,
        };
        let done = outcome.map_err(|error| {
            tracing::error!(%error, "the storage failed");
            self.roll_back();
            failed(&error)
        })?;
        let recent = Arc::clone(&self.recent);
        let changing = recent.forget(group.iter().flat_map(|job| job.work.writes()).filter_map(changed));
        self.commit()?;
        drop(changing);
        Ok(done)
    }

    /// Applies work without a net: a refused batch has written nothing.
    fn apply_all(&mut self, group: &mut Vec<Job>, jobs: &Receiver<Job>) -> rusqlite::Result<Vec<Done>> {
        execute(&self.connection, "BEGIN IMMEDIATE")?;
        let mut state = Group::new(&self.connection, &mut self.known);
        let mut done = vec![];
        loop {
            group.extend(jobs.try_iter().take(GROUP_MAX - group.len()));
            let new = &group[done.len()..];
            if new.is_empty() {
                break;
            }
            apply_some(&mut state, &mut self.latest, new, &mut done)?;
        }
        state.flush()?;
        Ok(done)
    }

    /// Applies work with a savepoint each, so that what fails takes nothing else with it.
    fn apply_each(&mut self, group: &[Job]) -> rusqlite::Result<Vec<Done>> {
        execute(&self.connection, "BEGIN IMMEDIATE")?;
        let mut done = vec![];
        for (at, job) in group.iter().enumerate() {
            execute(&self.connection, "SAVEPOINT one")?;
            let mut state = Group::careful(&self.connection, &mut self.known);
            let job = std::slice::from_ref(job);
            let outcome = apply_some(&mut state, &mut self.latest, job, &mut done).and_then(|()| state.flush());
            match outcome {
                Ok(()) => {}
                Err(error) if is_of_one_batch(&error) => {
                    execute(&self.connection, "ROLLBACK TO one")?;
                    self.known.forget();
                    done.truncate(at);
                    done.push(Done::Failed(failed(&error)));
                }
                Err(error) => return Err(error),
            }
            execute(&self.connection, "RELEASE one")?;
        }
        Ok(done)
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        if !self.file.is_in_place() {
            self.roll_back();
            let why = self.stop("its file was moved or removed");
            return Err(StoreError::Unavailable(why).into());
        }
        let Err(error) = execute(&self.connection, "COMMIT") else { return Ok(()) };
        if is_harmless_at_commit(&error) {
            tracing::error!(%error, "the storage could not commit");
            self.roll_back();
            return Err(failed(&error).into());
        }
        // After a failed fsync nobody knows what is on the disk, and another try could lie.
        Err(CommitError::Unknown(self.stop(&explain(&error))))
    }

    fn roll_back(&mut self) {
        self.known.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = execute(&self.connection, "ROLLBACK")
        {
            self.stop(&explain(&error));
        }
    }

    /// Stops for good: what is on the disk is found out by the next start.
    fn stop(&self, why: &str) -> String {
        tracing::error!(why, "the storage stopped");
        if let Err(error) = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
            tracing::error!(%error, "closing will try to move the log into the database");
        }
        self.stopped.get_or_init(|| format!("it stopped because {why}; restart")).clone()
    }
}

/// Applies work, one piece after the other. What it inserts goes into the tables together, or before anything that asks for it.
fn apply_some(
    group: &mut Group<'_>,
    latest: &mut Timestamp,
    jobs: &[Job],
    done: &mut Vec<Done>,
) -> rusqlite::Result<()> {
    let mut rows = Rows::default();
    for job in jobs {
        done.push(apply_one(group, &mut rows, latest, &job.work)?);
    }
    rows.insert(group.connection)
}

fn apply_one<'j>(
    group: &mut Group<'_>,
    rows: &mut Rows<'j>,
    latest: &mut Timestamp,
    work: &'j Work,
) -> rusqlite::Result<Done> {
    if let Work::Commit(batch) = work {
        *latest = batch.at.max(*latest);
        return match apply::commit(group, rows, batch) {
            Ok(committed) => Ok(Done::Committed(committed)),
            Err(Fault::Refused(refusal)) => Ok(Done::Refused(refusal)),
            Err(Fault::Failed(error)) => Ok(Done::Failed(error)),
            Err(Fault::Sql(error)) => Err(error),
        };
    }
    rows.insert(group.connection)?;
    match work {
        Work::Commit(_) => unreachable!("returned above"),
        Work::Resolve(operation) => apply::resolve(group.connection, *operation, *latest).map(Done::Resolved),
        Work::Purge(before) => apply::purge(group.connection, before).map(Done::Purged),
        #[cfg(test)]
        Work::Sabotage(sabotage) => {
            sabotage(group.connection);
            Ok(Done::Sabotaged)
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn answer(group: Vec<Job>, outcome: Result<Vec<Done>, CommitError>) {
    match outcome {
        Ok(done) => {
            for (job, done) in group.into_iter().zip(done) {
                drop(job.reply.send(Ok(done)));
            }
        }
        Err(error) => {
            for job in group {
                drop(job.reply.send(Err(error.clone())));
            }
        }
    }
}
