//! A store that keeps every promise but one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use digota_core::event::Event;
use digota_core::port::Store;
use digota_core::port::store::{
    Batch, Change, CommitError, Committed, Condition, Horizon, KeyEntry, KeyScope, Keys, Kind, Mark, Page,
    Query, Record, Refusal, Remembered, Resolution, StoreError, Total, Write,
};
use digota_core::stock::{Movement, Stock};
use digota_core::testing::store::MemoryStore;
use digota_core::time::Timestamp;
use tokio::sync::Mutex;
use uuid::Uuid;

/// Declares the faults, and a list of them.
macro_rules! faults {
    ($($name:ident),+ $(,)?) => {
        /// The promise that is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($name),+
        }

        impl Fault {
            /// All of them.
            pub(crate) const ALL: &[Fault] = &[$(Fault::$name),+];
        }
    };
}

faults! {
    None,
    AnswersReversed,
    ReplicaLags,
    BelievesOnAndOn,
    TiesAscend,
    PageRepeats,
    PageSkipsTies,
    ConditionForgotten,
    ScansAll,
    OffsetIgnored,
    OffsetForgotten,
    AttemptsStay,
    TotalOneOff,
    AlwaysCaps,
    NeverCaps,
    HalfApplied,
    EventsLeak,
    InsertsOver,
    VersionsIgnored,
    ChildrenIgnored,
    AttemptsIgnored,
    Oversells,
    FirstShortageOnly,
    SetsOnHand,
    MovementLost,
    EndsTwice,
    UnknownStockIgnored,
    ClaimsTwice,
    AnswerForgotten,
    StockOfNow,
    NeverFrees,
    PositionSkipped,
    LastPositionOneOff,
    OperationForgotten,
    TombstoneIgnored,
    CommitDenied,
    LatestDueFirst,
    PurgesOpenKeys,
    PurgesNothing,
}

/// A sound store behind a fault.
pub(crate) struct Faulty {
    sound: MemoryStore,
    fault: Fault,
    notes: Mutex<Notes>,
}

/// What the faults need to remember.
#[derive(Default)]
struct Notes {
    minted: u128,
    replica: MemoryStore,
    believed: BTreeMap<Uuid, Record>,
    pending: Option<Batch>,
    oversold: BTreeMap<Uuid, i64>,
    committed: BTreeSet<Uuid>,
    claimed: BTreeMap<KeyScope, Option<Uuid>>,
}

impl Notes {
    fn mint(&mut self) -> Uuid {
        self.minted += 1;
        Uuid::from_u128(self.minted)
    }
}

impl Faulty {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { sound: MemoryStore::new(), fault, notes: Mutex::default() }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// What the sound store gets to see instead of the batch.
    async fn twist(&self, mut batch: Batch, notes: &mut Notes) -> Batch {
        let dropped = |write: &Write| match self.fault {
            Fault::ChildrenIgnored => matches!(write, Write::NoChildren(_)),
            Fault::AnswerForgotten => matches!(write, Write::Answer { .. }),
            Fault::NeverFrees => matches!(write, Write::Free(_)),
            _ => false,
        };
        batch.writes.retain(|write| !dropped(write));
        match self.fault {
            Fault::OperationForgotten => batch.operation = notes.mint(),
            Fault::VersionsIgnored => self.renumber(&mut batch).await,
            Fault::AttemptsIgnored => scatter_subjects(&mut batch),
            Fault::SetsOnHand => self.set_on_hand(&mut batch).await,
            Fault::AttemptsStay => keep_concerns(&mut batch),
            _ => {}
        }
        batch
    }

    async fn renumber(&self, batch: &mut Batch) {
        for write in &mut batch.writes {
            match write {
                Write::Replace { record, was } => {
                    if let Some(now) = self.current(record.keys.kind(), record.id).await {
                        (record.version, *was) = (now.version + 1, now.keys);
                    }
                }
                Write::Delete { id, version, was } => {
                    if let Some(now) = self.current(was.kind(), *id).await {
                        (*version, *was) = (now.version, now.keys);
                    }
                }
                Write::Check { version, .. } => *version = None,
                _ => {}
            }
        }
    }

    async fn current(&self, kind: Kind, id: Uuid) -> Option<Record> {
        self.sound.get(kind, &[id]).await.ok()?.pop()?
    }

    async fn set_on_hand(&self, batch: &mut Batch) {
        for write in &mut batch.writes {
            let Write::Move { sku, change, .. } = write else { continue };
            let Change::SetAvailable(quantity) = *change else { continue };
            if let Ok([Some(stock)]) = self.sound.stock(&[*sku]).await.as_deref() {
                *change = Change::Adjust(quantity.saturating_sub(stock.on_hand));
            }
        }
    }

    /// What becomes of a refusal that this fault does not respect.
    async fn shrug(
        &self,
        refusal: Refusal,
        batch: Batch,
        notes: &mut Notes,
    ) -> Result<Committed, CommitError> {
        match (self.fault, &refusal) {
            (Fault::HalfApplied, _) => {
                for write in batch.writes {
                    _ = self
                        .sound
                        .commit(Batch { operation: notes.mint(), at: batch.at, writes: vec![write] })
                        .await;
                }
                Err(CommitError::Refused(refusal))
            }
            (Fault::EventsLeak, _) => {
                _ = self.without(batch, |write| !matches!(write, Write::Append(_)), notes).await;
                Err(CommitError::Refused(refusal))
            }
            (Fault::FirstShortageOnly, Refusal::OutOfStock(short)) => {
                Err(CommitError::Refused(Refusal::OutOfStock(short[..1].to_vec())))
            }
            (Fault::Oversells, Refusal::OutOfStock(short)) => {
                for shortage in short {
                    *notes.oversold.entry(shortage.sku).or_default() += shortage.wanted;
                }
                let short: Vec<Uuid> = short.iter().map(|shortage| shortage.sku).collect();
                self.without(
                    batch,
                    |write| matches!(write, Write::Move { sku, .. } if short.contains(sku)),
                    notes,
                )
                .await
            }
            (Fault::InsertsOver, Refusal::Exists { id, .. }) => {
                self.without(batch, |write| matches!(write, Write::Insert(record) if record.id == *id), notes)
                    .await
            }
            (Fault::EndsTwice, Refusal::MovedAlready { .. }) => {
                let mut batch = batch;
                for write in &mut batch.writes {
                    if let Write::Move { reference, .. } = write {
                        *reference = None;
                    }
                }
                self.sound.commit(batch).await
            }
            (Fault::UnknownStockIgnored, Refusal::Missing { kind: Kind::Sku, id }) => {
                self.without(batch, |write| matches!(write, Write::Move { sku, .. } if sku == id), notes)
                    .await
            }
            (Fault::ClaimsTwice, Refusal::KeyTaken) => {
                self.without(batch, |write| matches!(write, Write::Claim { .. }), notes).await
            }
            _ => Err(CommitError::Refused(refusal)),
        }
    }

    async fn without(
        &self,
        mut batch: Batch,
        dropped: impl Fn(&Write) -> bool,
        notes: &mut Notes,
    ) -> Result<Committed, CommitError> {
        batch.writes.retain(|write| !dropped(write));
        batch.operation = notes.mint();
        self.sound.commit(batch).await
    }

    /// As many pages as it takes to fill one.
    async fn scan_all(&self, query: &Query) -> Result<Page, StoreError> {
        let mut page = self.sound.list(query).await?;
        while let Some(mut next) = query.onward(&page) {
            next.limit = query.limit - u32::try_from(page.records.len()).unwrap_or(query.limit);
            if next.limit == 0 {
                break;
            }
            let more = self.sound.list(&next).await?;
            page = Page { records: [page.records, more.records].concat(), ..more };
        }
        Ok(page)
    }
}

fn scatter_subjects(batch: &mut Batch) {
    for write in &mut batch.writes {
        if let Write::Insert(record) = write
            && let Keys::Attempt { subject, .. } = &mut record.keys
        {
            *subject = record.id;
        }
    }
}

fn keep_concerns(batch: &mut Batch) {
    for write in &mut batch.writes {
        if let Write::Replace { record, was: Keys::Attempt { concern: before, .. } } = write
            && let Keys::Attempt { concern, .. } = &mut record.keys
        {
            *concern = *before;
        }
    }
}

fn mark(record: &Record, query: &Query) -> Mark {
    Mark { at: if query.order.by_updated { record.updated } else { record.created }, id: record.id }
}

#[async_trait]
impl Store for Faulty {
    async fn get(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Record>>, StoreError> {
        if self.has(Fault::ReplicaLags) {
            return self.notes.lock().await.replica.get(kind, ids).await;
        }
        let mut found = self.sound.get(kind, ids).await?;
        if self.has(Fault::AnswersReversed) {
            found.reverse();
        }
        Ok(found)
    }

    /// The fault: what was read once is believed for ever.
    async fn recent(&self, kind: Kind, ids: &[Uuid]) -> Result<Vec<Option<Arc<Remembered>>>, StoreError> {
        let mut found = self.get(kind, ids).await?;
        if self.has(Fault::BelievesOnAndOn) {
            let believed = &mut self.notes.lock().await.believed;
            for record in found.iter_mut().flatten() {
                *record = believed.entry(record.id).or_insert_with(|| record.clone()).clone();
            }
        }
        Ok(Remembered::each(found))
    }

    async fn list(&self, query: &Query) -> Result<Page, StoreError> {
        let mut query = query.clone();
        match self.fault {
            Fault::ConditionForgotten => _ = query.conditions.pop(),
            Fault::OffsetIgnored => query.offset = 0,
            Fault::ScansAll => return self.scan_all(&query).await,
            _ => {}
        }
        let mut page = self.sound.list(&query).await?;
        match (self.fault, &mut page.next) {
            (Fault::TiesAscend, _) if query.order.descending => {
                page.records.sort_by_key(|record| (std::cmp::Reverse(mark(record, &query).at), record.id));
            }
            (Fault::PageRepeats, Some(next)) if page.records.len() > 1 => {
                *next = mark(&page.records[page.records.len() - 2], &query);
            }
            (Fault::PageSkipsTies, Some(next)) => {
                next.id = if query.order.descending { Uuid::nil() } else { Uuid::max() };
            }
            (Fault::OffsetForgotten, _) => page.skip = 0,
            _ => {}
        }
        Ok(page)
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Result<Total, StoreError> {
        let total = self.sound.count(kind, conditions).await?;
        let cap = u64::from(digota_core::port::store::SCAN_BUDGET);
        Ok(match self.fault {
            Fault::TotalOneOff => Total { count: total.count + 1, ..total },
            Fault::AlwaysCaps => Total { count: total.count.min(cap), capped: total.count > cap },
            Fault::NeverCaps => Total { count: total.count + u64::from(total.capped), capped: false },
            _ => total,
        })
    }

    async fn stock(&self, skus: &[Uuid]) -> Result<Vec<Option<Stock>>, StoreError> {
        let oversold = &self.notes.lock().await.oversold;
        let mut found = self.sound.stock(skus).await?;
        for (sku, stock) in skus.iter().zip(&mut found) {
            if let Some(stock) = stock {
                stock.reserved += oversold.get(sku).copied().unwrap_or_default();
            }
        }
        Ok(found)
    }

    async fn movements(&self, sku: Uuid, after: u64, limit: u32) -> Result<Vec<(u64, Movement)>, StoreError> {
        let mut ledger = self.sound.movements(sku, after, limit).await?;
        if self.has(Fault::MovementLost) {
            ledger.pop();
        }
        Ok(ledger)
    }

    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyEntry>, StoreError> {
        let mut entry = self.sound.key(scope).await?;
        if self.has(Fault::StockOfNow)
            && let Some(entry) = &mut entry
            && let Some(Some(sku)) = self.notes.lock().await.claimed.get(scope)
        {
            entry.stock = self.sound.stock(&[*sku]).await?[0];
        }
        Ok(entry)
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<(u64, Event)>, StoreError> {
        let mut events = self.sound.events(after, limit).await?;
        if self.has(Fault::PositionSkipped) {
            events.iter_mut().filter(|(position, _)| *position > 3).for_each(|(position, _)| *position += 1);
        }
        Ok(events)
    }

    async fn last_position(&self) -> Result<u64, StoreError> {
        let position = self.sound.last_position().await?;
        Ok(position + u64::from(self.has(Fault::LastPositionOneOff)))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Record>, StoreError> {
        let mut attempts = self.sound.due(now, limit).await?;
        if self.has(Fault::LatestDueFirst) {
            attempts.reverse();
        }
        Ok(attempts)
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let notes = &mut *self.notes.lock().await;
        let batch = self.twist(batch, notes).await;
        let outcome = match self.sound.commit(batch.clone()).await {
            Err(CommitError::Refused(refusal)) => self.shrug(refusal, batch.clone(), notes).await,
            outcome => outcome,
        };
        if outcome.is_ok() {
            notes.committed.insert(batch.operation);
            notes.claimed.extend(batch.writes.iter().filter_map(|write| match write {
                Write::Claim { scope, stock_of, .. } => Some((scope.clone(), *stock_of)),
                _ => None,
            }));
            if let Some(late) = notes.pending.replace(batch) {
                _ = notes.replica.commit(late).await;
            }
        }
        outcome
    }

    async fn resolve(&self, operation: Uuid) -> Result<Resolution, StoreError> {
        match self.fault {
            Fault::TombstoneIgnored => match self.notes.lock().await.committed.contains(&operation) {
                true => Ok(Resolution::Committed),
                false => Ok(Resolution::Never),
            },
            Fault::CommitDenied => self.sound.resolve(operation).await.map(|_| Resolution::Never),
            _ => self.sound.resolve(operation).await,
        }
    }

    async fn purge(&self, before: &Horizon) -> Result<u64, StoreError> {
        if self.has(Fault::PurgesNothing) {
            return Ok(0);
        }
        let dropped = self.sound.purge(before).await?;
        if self.has(Fault::PurgesOpenKeys) && dropped > 0 {
            let notes = &mut *self.notes.lock().await;
            let writes = std::mem::take(&mut notes.claimed).into_keys().map(Write::Free).collect();
            let at = before.operations;
            _ = self.sound.commit(Batch { operation: notes.mint(), at, writes }).await;
        }
        Ok(dropped)
    }

    fn exclusive(&self) -> bool {
        self.sound.exclusive()
    }
}
