//! The one task that commits. It takes whatever waits into one transaction of two round trips: lock and read, then write
//! and COMMIT. Where another node was faster the group is judged again; where it fails for one batch, all are rolled back
//! and committed one by one.

use std::sync::Arc;
use std::time::Duration;

use digota_core::port::store::{Batch, CommitError, Committed, Load, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_postgres::Error;

use super::error::{explain, failed, is_contention, is_harmless_at_commit, is_lost, is_race};
use super::flush;
use super::judge::judge;
use super::link::Server;
use super::load::{First, load};
use super::migrate::LOCKS;
use super::session::{Call, Session};
use super::state::{Fault, State};
use crate::busy::Busy;

/// The most batches that wait; more are turned away at once.
const QUEUE_MAX: usize = 4096;

/// The most batches, and the most writes, in one transaction.
const GROUP_MAX: usize = 512;
const WRITES_MAX: usize = 8192;

/// How long each half of a transaction may take. The server's own limits are shorter.
const LIMIT: Duration = Duration::from_secs(30);

/// How long batches that must go one by one may take together; the rest is turned away.
const REPLAY: Duration = Duration::from_secs(20);

/// For how many groups it is looked first, once writing first was no good: whoever repeats a request does it again.
const WARY: u32 = 64;

/// How often a transaction is done again that met another node's.
const TRIES: u32 = 5;

/// The way to the writer. When it is dropped, the task finishes what waits and closes its connection.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    busy: Arc<Busy>,
}

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Outcome>,
}

type Outcome = Result<Committed, CommitError>;

impl Writer {
    /// Starts the task, with a connection that is open already.
    pub(super) fn start(server: Arc<Server>, first: Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let busy = Busy::new();
        tokio::spawn(Loop { server, connection: Some(first), busy: Arc::clone(&busy), wary: 0 }.run(jobs));
        Self { queue, busy }
    }

    /// How busy it is.
    pub(super) fn load(&self) -> Load {
        self.busy.load()
    }

    /// Commits a batch. It is done even if the caller no longer waits.
    pub(super) async fn commit(&self, batch: Batch) -> Outcome {
        let (reply, answer) = oneshot::channel();
        self.busy.one_waits();
        self.queue.try_send(Job { batch, reply }).map_err(|error| {
            self.busy.one_left();
            match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("it is closed".into()),
            }
        })?;
        answer.await.unwrap_or_else(|_| Err(CommitError::Unknown("the storage's writer failed".into())))
    }
}

/// The writer's connection, and the number of the counter rows that nobody else uses while it lasts.
pub(super) struct Connection {
    session: Session,
    node: i16,
}

impl Connection {
    /// Takes the lowest number that is free.
    pub(super) async fn new(session: Session) -> Result<Self, Error> {
        // A COMMIT that is cut short while it waits for a standby would count as done. The client has a limit of its own.
        session.script("SET statement_timeout = 0").await?;
        session.plan_once().await?;
        for node in 0..i16::MAX {
            let params: super::table::Params<'_> = vec![Box::new(LOCKS), Box::new(i32::from(node))];
            let rows = session.query(&Call::new("SELECT pg_try_advisory_lock($1, $2)", params)).await?;
            if rows.first().map(|row| row.try_get(0)).transpose()? == Some(true) {
                return Ok(Self { session, node });
            }
        }
        // Sharing rows is slower, not wrong.
        Ok(Self { session, node: i16::MAX })
    }
}

/// Why a transaction was not committed, or may not have been.
enum Failure {
    /// It was certainly not: a statement failed.
    RolledBack(Error),
    /// It was not: something is refused, and what else speaks against it was not looked at.
    Unsure,
    /// It was certainly not: the server can't be reached.
    Unreachable(String),
    /// Nobody knows.
    Unknown(String),
}

struct Loop {
    server: Arc<Server>,
    connection: Option<Connection>,
    busy: Arc<Busy>,
    /// For how many groups more it is looked first.
    wary: u32,
}

impl Loop {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let (mut groups, mut pieces) = (0u64, 0u64);
        while let Some(first) = jobs.recv().await {
            let since = Instant::now();
            let mut writes = first.batch.writes.len();
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && writes < WRITES_MAX
                && let Ok(job) = jobs.try_recv()
            {
                writes += job.batch.writes.len();
                group.push(job);
            }
            (groups, pieces) = (groups + 1, pieces + group.len() as u64);
            let (batches, replies): (Vec<Batch>, Vec<_>) =
                group.into_iter().map(|job| (job.batch, job.reply)).unzip();
            let outcomes = self.commit(&batches).await;
            self.busy.done(batches.len(), since.elapsed());
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Nobody waits any more: fine.
                drop(reply.send(outcome));
            }
        }
        tracing::info!(groups, pieces, "the storage is closed");
    }

    /// Commits a group together, or else each batch by itself.
    async fn commit(&mut self, batches: &[Batch]) -> Vec<Outcome> {
        let all: Vec<&Batch> = batches.iter().collect();
        let mut first = if self.wary == 0 { First::Write } else { First::Look };
        self.wary = self.wary.saturating_sub(1);
        let mut tries = 1;
        loop {
            return match self.attempt(&all, first).await {
                Ok(outcomes) => outcomes,
                // What was there, or what another node was faster with, is seen now, and judged.
                Err(Failure::RolledBack(error)) if is_race(&error) && tries < TRIES => {
                    (first, self.wary) = (First::Look, WARY);
                    tries += 1;
                    continue;
                }
                Err(Failure::Unsure) => {
                    (first, self.wary) = (First::Look, WARY);
                    continue;
                }
                Err(Failure::RolledBack(error)) if all.len() > 1 || is_contention(&error) => {
                    tracing::debug!(error = explain(&error), "a group is committed one by one");
                    self.one_by_one(&all).await
                }
                Err(failure) => vec![Err(outcome(failure)); all.len()],
            };
        }
    }

    async fn one_by_one(&mut self, batches: &[&Batch]) -> Vec<Outcome> {
        let end = Instant::now() + REPLAY;
        let mut outcomes = vec![];
        for batch in batches {
            outcomes.push(match Instant::now() < end {
                true => self.alone(batch, end).await,
                false => Err(StoreError::Overloaded.into()),
            });
        }
        outcomes
    }

    /// Commits one batch, again where another node stood in the way.
    async fn alone(&mut self, batch: &Batch, end: Instant) -> Outcome {
        let mut tries = 1;
        loop {
            match self.attempt(&[batch], First::Look).await {
                Ok(mut outcomes) => return outcomes.remove(0),
                Err(Failure::RolledBack(error))
                    if is_contention(&error) && tries < TRIES && Instant::now() < end =>
                {
                    tries += 1;
                }
                Err(failure) => return Err(outcome(failure)),
            }
        }
    }

    /// One transaction for these batches. A connection that was lost while nobody used it is made again.
    async fn attempt(&mut self, batches: &[&Batch], first: First) -> Result<Vec<Outcome>, Failure> {
        let is_fresh = self.connection.is_none();
        let outcome = self.try_once(batches, first).await;
        match outcome {
            Err(Failure::Unreachable(_)) if !is_fresh => self.try_once(batches, first).await,
            outcome => outcome,
        }
    }

    async fn try_once(&mut self, batches: &[&Batch], first: First) -> Result<Vec<Outcome>, Failure> {
        // Taken out: a connection that fails, or whose answer never comes, is never used again.
        let connection = match self.connection.take().filter(|connection| !connection.session.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let outcome = transact(&connection, batches, first).await;
        if matches!(outcome, Ok(_) | Err(Failure::RolledBack(_) | Failure::Unsure)) {
            self.connection = Some(connection);
        }
        outcome
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let session = self.server.connect().await.map_err(Failure::Unreachable)?;
        Connection::new(session).await.map_err(|error| Failure::Unreachable(explain(&error)))
    }
}

async fn transact(connection: &Connection, batches: &[&Batch], first: First) -> Result<Vec<Outcome>, Failure> {
    let session = &connection.session;
    let loaded = timeout(LIMIT, load(session, batches, first)).await;
    let mut state = match loaded {
        Ok(Ok(state)) => state,
        Ok(Err(error)) => return Err(roll_back(session, error).await),
        Err(_) => return Err(Failure::Unreachable("no answer in time".into())),
    };
    let outcomes = judge_all(&mut state, batches);
    if first == First::Write && outcomes.iter().any(Result::is_err) {
        return Err(withdraw(session).await);
    }
    let mut calls = flush::calls(&state, connection.node);
    let is_empty = calls.is_empty();
    calls.push(Call::new(if is_empty { "ROLLBACK" } else { "COMMIT" }, vec![]));
    match timeout(LIMIT, session.pipeline(&calls)).await {
        Ok(Ok(answers)) => settle(answers).map(|()| outcomes),
        Ok(Err(error)) => Err(roll_back(session, error).await),
        Err(_) if is_empty => Err(Failure::Unreachable("no answer in time".into())),
        Err(_) => Err(Failure::Unknown("no answer to COMMIT in time".into())),
    }
}

/// Applies the batches that nothing speaks against, each on what the ones before it have left.
fn judge_all<'a>(state: &mut State<'a>, batches: &[&'a Batch]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(match judge(state, batch) {
            Ok(ledger) => {
                state.apply(batch, &ledger);
                Ok(Committed { stock: ledger.stock })
            }
            Err(Fault::Refused(refusal)) => Err(CommitError::Refused(refusal)),
            Err(Fault::Failed(error)) => Err(error.into()),
        });
    }
    outcomes
}

/// What the answers to the writes and to COMMIT, the last one, mean.
fn settle<T>(answers: Vec<Result<T, Error>>) -> Result<(), Failure> {
    let last = answers.len().saturating_sub(1);
    for (index, answer) in answers.into_iter().enumerate() {
        let Err(error) = answer else { continue };
        // A statement that the server refused took the whole transaction with it: COMMIT then rolls back.
        let is_certain = match index == last {
            true => is_harmless_at_commit(&error),
            false => error.as_db_error().is_some(),
        };
        return Err(match (is_certain, is_lost(&error)) {
            (true, false) => Failure::RolledBack(error),
            (true, true) => Failure::Unreachable(explain(&error)),
            (false, _) => Failure::Unknown(explain(&error)),
        });
    }
    Ok(())
}

/// Ends a transaction of which nothing was written, to begin it again.
async fn withdraw(session: &Session) -> Failure {
    match timeout(LIMIT, session.script("ROLLBACK")).await {
        Ok(Ok(())) => Failure::Unsure,
        Ok(Err(error)) => Failure::Unreachable(explain(&error)),
        Err(_) => Failure::Unreachable("no answer in time".into()),
    }
}

/// Ends a transaction of which COMMIT was not sent.
async fn roll_back(session: &Session, error: Error) -> Failure {
    if !is_lost(&error)
        && let Ok(Ok(())) = timeout(LIMIT, session.script("ROLLBACK")).await
    {
        return Failure::RolledBack(error);
    }
    Failure::Unreachable(explain(&error))
}

fn outcome(failure: Failure) -> CommitError {
    match failure {
        Failure::RolledBack(error) if is_contention(&error) => {
            tracing::warn!(error = explain(&error), "other nodes stood in the way too often");
            StoreError::Unavailable(explain(&error)).into()
        }
        Failure::RolledBack(error) => {
            tracing::error!(error = explain(&error), "the storage failed");
            failed(&error).into()
        }
        Failure::Unsure => StoreError::Broken("what was looked at first is unsure".into()).into(),
        Failure::Unreachable(why) => {
            tracing::warn!(why, "the storage can't be reached");
            StoreError::Unavailable(why).into()
        }
        Failure::Unknown(why) => {
            tracing::warn!(why, "nobody knows whether a transaction was committed");
            CommitError::Unknown(why)
        }
    }
}
