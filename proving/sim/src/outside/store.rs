//! The store as a node sees it: every answer takes its time, some never come, and a commit may happen when nobody waits for it.

use std::fmt::{Display, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Kind, Page, Query, Record,
    Refusal, Resolution, StoreError, Total, Write,
};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::Line;
use crate::plan::{Lost, Peer};
use crate::stage::{Short, Stage, Step, at_once, owner};
use crate::world::{MS, Micros};

/// How long a node waits for the store.
const PATIENCE: Micros = 2000 * MS;

/// How long a call takes.
const SPAN: (Micros, Micros) = (100, 30 * MS);

/// The store at the end of a line.
pub(super) struct FarStore(pub(super) Line);

impl FarStore {
    /// How long a call takes until it has its effect, and then until it is answered: one of them is nothing.
    fn ways(&self) -> (Micros, Micros) {
        let span = self.0.world().span(SPAN.0, SPAN.1);
        if self.0.world().roll(2) == 0 { (span, 0) } else { (0, span) }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Stage) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let line = &self.0;
        let call = line.begin(Step::Read).await;
        if line.is_cut(Peer::Store) {
            line.world().count("reads without an answer");
            let span = if line.world().roll(2) == 0 { 5 * MS } else { PATIENCE };
            line.world().letter(line.process, span, ()).await;
            return Err(StoreError::Unavailable("no answer".to_owned()));
        }
        let (there, back) = self.ways();
        let answer = line.ask(there, back, read).await;
        line.end(Step::Read, call).await;
        answer
    }

    /// What becomes of a commit that is sent now; `None` for nothing unusual.
    fn fate(&self) -> Option<Lost> {
        let line = &self.0;
        if line.is_cut(Peer::Store) {
            return Some(if line.world().roll(2) == 0 { Lost::Refused } else { Lost::Request });
        }
        line.stage.faults().commit()
    }

    async fn give_up(&self, after: Micros) -> Result<Committed, CommitError> {
        self.0.world().count("unknown commits");
        self.0.world().letter(self.0.process, after, ()).await;
        Err(CommitError::Unknown("no answer".to_owned()))
    }

    /// Has the batch committed after a while, though nobody will be told.
    fn commit_unheard(&self, after: Micros, batch: Batch) {
        let (stage, place) = (Arc::clone(&self.0.stage), self.0.place);
        self.0.world().after(after, move |world| {
            match apply(&stage, place, batch) {
                Err(CommitError::Refused(Refusal::OperationUsed)) => world.count("late commits stopped"),
                Ok(_) => world.count("commits unheard of"),
                Err(_) => {}
            };
        });
    }
}

/// Commits at the store itself.
fn apply(stage: &Stage, place: usize, batch: Batch) -> Result<Committed, CommitError> {
    if takes_over(stage, &batch) {
        stage.world.count("leases taken over");
    }
    let line = Content(&batch).to_string();
    let done = stage.commit(batch);
    match &done {
        Ok(_) => stage.world.note(format_args!("node {place} commits{line}")),
        Err(error) => stage.world.note(format_args!("node {place} can't commit{line}: {error}")),
    }
    if let Err(CommitError::Failed(error)) = &done {
        stage.alarm(format!("the store was given a batch that makes no sense: {error}"));
    }
    done
}

/// Whether a batch gives an attempt to a process that did not have it.
fn takes_over(stage: &Stage, batch: &Batch) -> bool {
    let replaced = batch.writes.iter().filter_map(|write| match write {
        Write::Replace { record, .. } if record.keys.kind() == Kind::Attempt => Some(record),
        _ => None,
    });
    let mut owners = replaced.map(|record| {
        let before =
            at_once(stage.store.get(Kind::Attempt, &[record.id])).unwrap_or_default().pop().flatten();
        (before.and_then(|before| owner(&before.body)), owner(&record.body))
    });
    owners.any(|(before, now)| before.is_some() && before != now)
}

/// What a batch does, in a few words.
struct Content<'a>(&'a Batch);

impl Display for Content<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for write in &self.0.writes {
            match write {
                Write::Insert(record) | Write::Replace { record, .. } => {
                    let (kind, id) = (record.keys.kind().name(), Short(record.id));
                    write!(f, ", {kind} {id} v{}", record.version)?;
                }
                Write::Delete { id, was, .. } => {
                    write!(f, ", no {} {}", was.kind().name(), Short(*id))?;
                }
                Write::Move { sku, change, .. } => write!(f, ", {change:?} of {}", Short(*sku))?,
                Write::OpenStock { on_hand, .. } => write!(f, ", stock of {on_hand}")?,
                Write::Append(event) => write!(f, " ({})", event.name)?,
                Write::Claim { scope, .. } => write!(f, ", claims {}", scope.key)?,
                Write::Answer { scope, .. } => write!(f, ", answers {}", scope.key)?,
                Write::Free(scope) => write!(f, ", frees {}", scope.key)?,
                Write::Check { .. } | Write::NoChildren(_) => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for FarStore {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |stage| at_once(stage.store.get(kind, &ids))).await
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        let query = query.clone();
        self.read(move |stage| at_once(stage.store.list(&query))).await
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        let conditions = conditions.to_vec();
        self.read(move |stage| at_once(stage.store.count(kind, &conditions))).await
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        let skus = skus.to_vec();
        self.read(move |stage| at_once(stage.store.stock(&skus))).await
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        self.read(move |stage| at_once(stage.store.movements(sku, after, limit))).await
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        let scope = scope.clone();
        self.read(move |stage| at_once(stage.store.key(&scope))).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        self.read(move |stage| at_once(stage.store.events(after, limit))).await
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        self.read(|stage| at_once(stage.store.last_position())).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        self.read(move |stage| at_once(stage.store.due(now, limit))).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let (line, place) = (&self.0, self.0.place);
        let call = line.begin(Step::Commit).await;
        let (there, back) = self.ways();
        let done = match self.fate() {
            None => line.ask(there, back, move |stage| apply(stage, place, batch)).await,
            Some(Lost::Refused) => {
                line.world().count("commits refused");
                line.world().letter(line.process, 5 * MS, ()).await;
                Err(StoreError::Unavailable("connection refused".to_owned()).into())
            }
            Some(Lost::Request) => self.give_up(PATIENCE).await,
            Some(Lost::Answer) => {
                self.commit_unheard(there, batch);
                self.give_up(there + 20 * MS).await
            }
            Some(Lost::Late(by)) => {
                self.commit_unheard(PATIENCE + by * MS, batch);
                self.give_up(PATIENCE).await
            }
        };
        line.end(Step::Commit, call).await;
        done
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        let found = self.read(move |stage| stage.resolve(operation)).await?;
        let what = if found == Resolution::Never { "tombstones" } else { "commits found after all" };
        self.0.world().count(what);
        self.0.world().note(format_args!("node {} settles a commit: {found:?}", self.0.place));
        Ok(found)
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        let before = *before;
        self.read(move |stage| at_once(stage.store.purge(&before))).await
    }

    fn exclusive(&self) -> bool {
        self.0.stage.setup.nodes == 1
    }
}
