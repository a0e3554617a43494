//! The nouns as the store keeps them: JSON documents with keys and a version.

use std::sync::Arc;
use std::task::Poll;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Shop;
use super::summary::{self, json};
use crate::error::{Error, Result};
use crate::order::Order;
use crate::payment::{Attempt, Charge};
use crate::port::store::{Keys, Kind, Record, Remembered};
use crate::product::Product;
use crate::sku::Sku;
use crate::time::Timestamp;

/// A noun that is kept in the store.
pub(super) trait Document: Serialize + DeserializeOwned + Clone + Send + Sync {
    const KIND: Kind;

    fn id(&self) -> Uuid;
    fn version(&self) -> u64;
    fn created(&self) -> Timestamp;
    fn updated(&self) -> Timestamp;
    fn keys(&self) -> Keys;

    /// Becomes the next version.
    fn advance(&mut self, now: Timestamp);

    /// What followers of events are told, JSON; `None` for what they need not know of.
    fn summary(&self) -> Result<Option<String>>;

    fn record(&self) -> Result<Record> {
        let body = json(self, SIZE)?;
        let (created, updated) = (self.created(), self.updated());
        Ok(Record { id: self.id(), version: self.version(), created, updated, keys: self.keys(), body })
    }
}

macro_rules! document {
    ($noun:ty, $kind:expr, |$me:ident| $keys:expr, |$it:pat_param| $summary:expr) => {
        impl Document for $noun {
            const KIND: Kind = $kind;

            fn id(&self) -> Uuid {
                self.id.0
            }

            fn version(&self) -> u64 {
                self.version
            }

            fn created(&self) -> Timestamp {
                self.created
            }

            fn updated(&self) -> Timestamp {
                self.updated
            }

            fn keys(&self) -> Keys {
                let $me = self;
                $keys
            }

            fn advance(&mut self, now: Timestamp) {
                self.version += 1;
                // A clock that jumped back must not make a record older than it was.
                self.updated = self.updated.max(now);
            }

            fn summary(&self) -> Result<Option<String>> {
                let $it = self;
                $summary
            }
        }
    };
}

document!(Product, Kind::Product, |p| Keys::Product { active: p.details.active }, |p| summary::product(p)
    .map(Some));
document!(Sku, Kind::Sku, |s| Keys::Sku { parent: s.details.parent.0, active: s.details.active }, |s| {
    summary::sku(s).map(Some)
});
document!(Order, Kind::Order, |o| Keys::Order { status: o.status.number(), email: o.email.clone() }, |o| {
    summary::order(o).map(Some)
});
document!(
    Charge,
    Kind::Charge,
    |c| Keys::Charge { order: c.order.map(|order| order.0), status: c.status.number() },
    |c| summary::charge(c).map(Some)
);
document!(
    Attempt,
    Kind::Attempt,
    |a| Keys::Attempt { subject: a.subject(), due: a.due(), concern: a.concern() },
    |_| Ok(None)
);

/// More than a document is long, in bytes, unless it has many lines.
const SIZE: usize = 1536;

/// Reads a document out of its record.
pub(super) fn decode<T: Document>(record: &Record) -> Result<T> {
    serde_json::from_str(&record.body)
        .map_err(|error| Error::internal(format!("{} {} can't be read: {error}", T::KIND.name(), record.id)))
}

/// How old what is read may be.
#[derive(Clone, Copy)]
pub(super) enum Age {
    /// As of now.
    Now,
    /// As [`Store::recent`](crate::port::Store::recent) has it: the commit finds out if it is too old.
    Recent,
}

/// How many documents of a page are read before others have their turn: a page takes as long as a hundred short calls.
const TURN: usize = 32;

/// Reads a page.
pub(super) async fn decode_all<T: Document>(records: &[Record]) -> Result<Vec<T>> {
    let mut items = Vec::with_capacity(records.len());
    for some in records.chunks(TURN) {
        for record in some {
            items.push(decode(record)?);
        }
        if items.len() < records.len() {
            give_way().await;
        }
    }
    Ok(items)
}

/// Lets whatever else is ready go first.
async fn give_way() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Shop {
    /// The document with this id.
    pub(super) async fn find<T: Document>(&self, id: Uuid) -> Result<Option<T>> {
        let records = self.store.get(T::KIND, &[id]).await?;
        records.first().and_then(Option::as_ref).map(decode).transpose()
    }

    /// The document with this id, or that there is none.
    pub(super) async fn load<T: Document>(&self, id: Uuid) -> Result<T> {
        self.find(id).await?.ok_or_else(|| Error::not_found(T::KIND, id))
    }

    /// The documents with these ids, in that order.
    pub(super) async fn find_all<T: Document>(&self, ids: &[Uuid]) -> Result<Vec<Option<T>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.store.get(T::KIND, ids).await?;
        records.iter().map(|record| record.as_ref().map(decode).transpose()).collect()
    }

    /// The records with these ids, in that order.
    pub(super) async fn records(
        &self,
        kind: Kind,
        ids: &[Uuid],
        age: Age,
    ) -> Result<Vec<Option<Arc<Remembered>>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match age {
            Age::Now => Remembered::each(self.store.get(kind, ids).await?),
            Age::Recent => self.store.recent(kind, ids).await?,
        })
    }
}
