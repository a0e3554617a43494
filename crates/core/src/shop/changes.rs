//! A batch in the making: every change of a noun comes with its event.

use uuid::Uuid;

use super::Shop;
use super::keys::{Answer, Key};
use super::records::Document;
use crate::error::Result;
use crate::event::Event;
use crate::payment::attempt::Remark;
use crate::port::store::{
    Batch, Change, CommitError, Committed, KeyEntry, KeyScope, Kind, Resolution, StoreError, Write,
};
use crate::time::Timestamp;

/// Changes that happen together or not at all.
pub(super) struct Changes<'a> {
    shop: &'a Shop,
    pub(super) at: Timestamp,
    writes: Vec<Write>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(shop: &'a Shop) -> Changes<'a> {
        Changes { shop, at: shop.now(), writes: Vec::with_capacity(8) }
    }

    /// Adds a new document.
    pub(super) fn insert<T: Document>(&mut self, document: &T, event: &str) -> Result<()> {
        self.writes.push(Write::Insert(document.record()?));
        self.append(document, document.version(), event)
    }

    /// Puts `new` in the place of `old`, as its next version.
    pub(super) fn replace<T: Document>(&mut self, old: &T, new: &mut T, event: &str) -> Result<()> {
        new.advance(self.at);
        self.writes.push(Write::Replace { record: new.record()?, was: old.keys() });
        self.append(new, new.version(), event)
    }

    /// Removes a document.
    pub(super) fn delete<T: Document>(&mut self, document: &T, event: &str) -> Result<()> {
        let (id, version, was) = (document.id(), document.version(), document.keys());
        self.writes.push(Write::Delete { id, version, was });
        self.append(document, version + 1, event)
    }

    /// Adds a word to the summary of the last event.
    pub(super) fn note(&mut self, name: &str, text: &str) {
        if let Some(event) = self.events().next_back() {
            annotate(event, name, text);
        }
    }

    /// Says in the summary of every event who brought it about, and what they said.
    pub(super) fn sign(&mut self, remark: &Remark) {
        for event in self.events() {
            for (name, text) in
                [("by", remark.by.as_str()), ("verdict", remark.verdict.name()), ("note", &remark.note)]
            {
                annotate(event, name, text);
            }
        }
    }

    fn events(&mut self) -> impl DoubleEndedIterator<Item = &mut Event> {
        self.writes.iter_mut().filter_map(|write| match write {
            Write::Append(event) => Some(event),
            _ => None,
        })
    }

    /// Makes sure that a document is still as it was read.
    pub(super) fn unchanged<T: Document>(&mut self, document: &T) {
        self.check(T::KIND, document.id(), Some(document.version()));
    }

    pub(super) fn check(&mut self, kind: Kind, id: Uuid, version: Option<u64>) {
        self.writes.push(Write::Check { kind, id, version });
    }

    pub(super) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    pub(super) fn stock(
        &mut self,
        sku: impl Into<Uuid>,
        change: Change,
        reference: Option<Uuid>,
        reason: &str,
    ) {
        self.writes.push(Write::Move { sku: sku.into(), change, reference, reason: reason.into() });
    }

    /// Claims a key for an attempt that will answer it.
    pub(super) fn claim(&mut self, key: &Key, attempt: Uuid) {
        let fingerprint = key.fingerprint.clone();
        let entry = KeyEntry { fingerprint, attempt: Some(attempt), answer: None, stock: None };
        self.writes.push(Write::Claim { scope: key.scope.clone(), entry, stock_of: None });
    }

    /// Claims a key and answers it, after everything else was written. Beside a SKU the store keeps the stock that it has after this commit.
    pub(super) fn settle_key(&mut self, key: Option<&Key>, answer: &Result<Answer>) -> Result<()> {
        if let Some(key) = key {
            let stock_of = answer.as_ref().ok().and_then(Answer::sku).map(Uuid::from);
            let answer = Some(super::keys::encode(answer, &self.writes)?);
            let entry = KeyEntry { fingerprint: key.fingerprint.clone(), attempt: None, answer, stock: None };
            self.writes.push(Write::Claim { scope: key.scope.clone(), entry, stock_of });
        }
        Ok(())
    }

    /// Answers a key that an attempt claimed, after everything else was written.
    pub(super) fn answer(&mut self, scope: &KeyScope, answer: &Result<Answer>) -> Result<()> {
        let answer = super::keys::encode(answer, &self.writes)?;
        self.writes.push(Write::Answer { scope: scope.clone(), answer });
        Ok(())
    }

    /// Frees a key that an attempt claimed: nothing happened.
    pub(super) fn free(&mut self, scope: &KeyScope) {
        self.writes.push(Write::Free(scope.clone()));
    }

    /// Commits. An unknown commit is settled before this returns, or reported as unavailable with nothing committed.
    pub(super) async fn commit(self) -> std::result::Result<Committed, CommitError> {
        let operation = self.shop.id();
        let batch = Batch { operation, at: self.at, writes: self.writes };
        match self.shop.store.commit(batch).await {
            Err(CommitError::Unknown(cause)) => self.shop.settle_commit(operation, cause).await,
            known => known,
        }
    }

    fn append<T: Document>(&mut self, document: &T, version: u64, name: &str) -> Result<()> {
        let Some(body) = document.summary()? else { return Ok(()) };
        self.writes.push(Write::Append(Event {
            id: self.shop.id(),
            name: name.into(),
            kind: T::KIND,
            object: document.id(),
            version,
            at: self.at,
            body,
        }));
        Ok(())
    }
}

fn annotate(event: &mut Event, name: &str, text: &str) {
    if let Ok(serde_json::Value::Object(mut summary)) = serde_json::from_str(&event.body) {
        summary.insert(name.into(), text.into());
        event.body = serde_json::Value::Object(summary).to_string();
    }
}

impl Shop {
    /// Finds out what became of a commit whose outcome is unknown. While the store can't tell either, the commit stays
    /// unknown: for money that is the janitor's business, and for plain writes the caller is told to try again.
    async fn settle_commit(
        &self,
        operation: Uuid,
        cause: String,
    ) -> std::result::Result<Committed, CommitError> {
        for pause_ms in [0u64, 50, 200, 1000, 3000] {
            self.clock.sleep(std::time::Duration::from_millis(pause_ms)).await;
            match self.store.resolve(operation).await {
                Ok(Resolution::Committed) => return Ok(Committed::default()),
                Ok(Resolution::Never) => return Err(CommitError::Failed(StoreError::Unavailable(cause))),
                Err(_) => {}
            }
        }
        Err(CommitError::Unknown(cause))
    }
}
