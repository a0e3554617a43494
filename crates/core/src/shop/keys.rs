//! Idempotency: the same request with the same key has one effect and one answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::changes::Changes;
use super::{Shop, Terms};
use crate::error::{Error, Result};
use crate::id::SkuId;
use crate::order::Order;
use crate::payment::Charge;
use crate::port::store::{CommitError, Committed, KeyEntry, KeyScope, Kind, Refusal, Write};
use crate::product::Product;
use crate::sku::{Sku, StockedSku};
use crate::stock::Stock;

/// A caller's idempotency key on one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose key, on which rpc.
    pub scope: KeyScope,
    /// SHA-256 of the request, in lower-case hexadecimal: tells the same request from another.
    pub fingerprint: String,
}

/// A final answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Product(Product),
    /// Without its stock, which the store knows once it is committed and keeps beside the answer.
    Sku(Sku),
    Order(Order),
    Charge(Charge),
    Deleted,
}

impl Answer {
    /// The document that it tells of: kind, id and version.
    fn document(&self) -> Option<(Kind, Uuid, u64)> {
        match self {
            Answer::Product(product) => Some((Kind::Product, product.id.0, product.version)),
            Answer::Sku(sku) => Some((Kind::Sku, sku.id.0, sku.version)),
            Answer::Order(order) => Some((Kind::Order, order.id.0, order.version)),
            Answer::Charge(charge) => Some((Kind::Charge, charge.id.0, charge.version)),
            Answer::Deleted => None,
        }
    }

    /// The SKU that it tells of, with a stock.
    pub(super) fn sku(&self) -> Option<SkuId> {
        match self {
            Answer::Sku(sku) => Some(sku.id),
            _ => None,
        }
    }
}

/// A final answer and the stock kept beside it.
pub(super) struct Kept {
    answer: Answer,
    stock: Option<Stock>,
}

/// How often a plain write is tried again when somebody else changed what it had read.
pub(super) const TRIES: usize = 20;

/// An answer as text. The document that it tells of is among what is about to be written, if it was changed: then its text
/// is there already.
pub(super) fn encode(answer: &Result<Answer>, writes: &[Write]) -> Result<String> {
    let written = answer.as_ref().ok().and_then(Answer::document).and_then(|(kind, id, version)| {
        writes.iter().find_map(|write| match write {
            Write::Insert(record) | Write::Replace { record, .. } => {
                let is_it = (record.keys.kind(), record.id, record.version) == (kind, id, version);
                is_it.then(|| format!(r#"{{"Ok":{{"{}":{}}}}}"#, kind.name(), record.body))
            }
            _ => None,
        })
    });
    match written {
        Some(text) => Ok(text),
        None => serde_json::to_string(answer).map_err(|error| Error::internal(error.to_string())),
    }
}

fn wrong_answer() -> Error {
    Error::internal("the stored answer is of another kind")
}

macro_rules! answers {
    ($($variant:ident($noun:ty)),+) => {$(
        impl From<$noun> for Answer {
            fn from(noun: $noun) -> Answer {
                Answer::$variant(noun)
            }
        }

        impl TryFrom<Kept> for $noun {
            type Error = Error;

            fn try_from(kept: Kept) -> Result<$noun> {
                match kept.answer {
                    Answer::$variant(noun) => Ok(noun),
                    _ => Err(wrong_answer()),
                }
            }
        }
    )+};
}

answers!(Product(Product), Order(Order), Charge(Charge));

impl From<Sku> for Answer {
    fn from(sku: Sku) -> Answer {
        Answer::Sku(sku)
    }
}

impl TryFrom<Kept> for StockedSku {
    type Error = Error;

    fn try_from(kept: Kept) -> Result<StockedSku> {
        match kept.answer {
            Answer::Sku(sku) => Ok(StockedSku { sku, stock: kept.stock.unwrap_or_default() }),
            _ => Err(wrong_answer()),
        }
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Answer {
        Answer::Deleted
    }
}

impl TryFrom<Kept> for () {
    type Error = Error;

    fn try_from(kept: Kept) -> Result<()> {
        if kept.answer == Answer::Deleted { Ok(()) } else { Err(wrong_answer()) }
    }
}

impl Shop {
    /// The answer that the caller's key has, waiting for it while the first request is under way; `None` for a new key.
    pub(super) async fn replay<T: TryFrom<Kept, Error = Error>>(&self, terms: &Terms) -> Result<Option<T>> {
        let Some(key) = &terms.key else { return Ok(None) };
        let mut pause = Duration::from_millis(5);
        loop {
            let Some(entry) = self.store.key(&key.scope).await? else { return Ok(None) };
            if entry.fingerprint != key.fingerprint {
                return Err(Error::KeyReused);
            }
            if let Some(answer) = entry.answer {
                let answer: Result<Answer> = serde_json::from_str(&answer)
                    .map_err(|error| Error::internal(format!("a stored answer can't be read: {error}")))?;
                return T::try_from(Kept { answer: answer?, stock: entry.stock }).map(Some);
            }
            self.remember_charge(entry.attempt, terms).await?;
            if !self.is_awaited(terms) {
                return Err(Refusal::KeyTaken.into());
            }
            // Never beyond the answer's time: a caller is told to come again while they still listen.
            self.clock.sleep(pause.min(terms.answer_by.since(self.now()))).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// The answer of the same request that came a moment earlier, if there is one: what stopped this one may be that one's own
    /// doing. Else the error.
    pub(super) async fn or_replay<T: TryFrom<Kept, Error = Error>>(
        &self,
        terms: &Terms,
        error: Error,
    ) -> Result<T> {
        match error {
            // Trouble is nobody's doing.
            Error::Unavailable { .. } | Error::Pending { .. } => Err(error),
            error => self.replay(terms).await?.ok_or(error),
        }
    }

    /// Lets whoever answers early name the charge that a key's first request is about.
    async fn remember_charge(&self, attempt: Option<Uuid>, terms: &Terms) -> Result<()> {
        if let (Some(attempt), None) = (attempt, terms.progress.charge())
            && let Some(attempt) = self.find::<crate::payment::Attempt>(attempt).await?
        {
            terms.progress.reached(attempt.charge);
        }
        Ok(())
    }

    /// Commits a plain write with the answer to the caller's key. `None` where what it read was changed meanwhile: it must be
    /// built again.
    pub(super) async fn commit_once<T: TryFrom<Kept, Error = Error>>(
        &self,
        terms: &Terms,
        mut changes: Changes<'_>,
        answer: Answer,
    ) -> Result<Option<T>> {
        let sku = answer.sku();
        let answer = Ok(answer);
        changes.settle_key(terms.key.as_ref(), &answer)?;
        match changes.commit().await {
            Ok(committed) => {
                let stock = match sku {
                    Some(sku) => Some(self.stock_told(sku, &committed, terms).await?),
                    None => None,
                };
                T::try_from(Kept { answer: answer?, stock }).map(Some)
            }
            Err(CommitError::Refused(Refusal::Stale { .. } | Refusal::Missing { .. })) => Ok(None),
            Err(CommitError::Refused(Refusal::KeyTaken)) => self.replay(terms).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The stock that the first answer tells: where there is a key, the same that its repetitions will tell.
    async fn stock_told(&self, sku: SkuId, committed: &Committed, terms: &Terms) -> Result<Stock> {
        if let Some((_, stock)) = committed.stock.iter().find(|(moved, _)| *moved == sku.0) {
            return Ok(*stock);
        }
        if let Some(key) = &terms.key
            && let Some(KeyEntry { stock: Some(stock), .. }) = self.store.key(&key.scope).await?
        {
            return Ok(stock);
        }
        self.stock_of(sku).await
    }
}

/// A plain write: `write_once!(shop, terms, |changes| { … value })`. Builds the changes and commits them with the answer, and
/// starts over when what they were built on was changed meanwhile. Whether the caller's key has an answer already is only
/// asked when something stops it, the key itself or anything else: most keys are new.
macro_rules! write_once {
    ($shop:expr, $terms:expr, |$changes:ident| $build:block) => {
        'done: {
            for _ in 0..$crate::shop::keys::TRIES {
                let mut $changes = $crate::shop::changes::Changes::new($shop);
                let built: $crate::error::Result<_> = async { Ok($build) }.await;
                let value = match built {
                    Ok(value) => value,
                    Err(error) => break 'done $shop.or_replay($terms, error).await,
                };
                if let Some(value) = $shop.commit_once($terms, $changes, value.into()).await? {
                    break 'done Ok(value);
                }
            }
            Err($crate::shop::keys::contended())
        }
    };
}
pub(super) use write_once;

/// That others were faster every time.
pub(super) fn contended() -> Error {
    Error::Busy { what: "it".into(), retry_after: Duration::from_millis(200) }
}

/// Refuses a write where the caller insists on another version than the current one. 0 insists on none.
pub(super) fn insist<T: super::records::Document>(document: &T, expected_version: u64) -> Result<()> {
    if expected_version == 0 || expected_version == document.version() {
        return Ok(());
    }
    let noun = T::KIND.name().into();
    Err(Error::Stale { noun, id: document.id(), current: document.version() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ProductId;
    use crate::product::ProductDetails;
    use crate::shop::records::Document;
    use crate::time::Timestamp;

    #[test]
    fn an_answer_reads_the_same_whether_its_document_was_written_or_not() {
        let details = ProductDetails { name: "a \"name\"".into(), active: true, ..ProductDetails::default() };
        let (id, at) = (ProductId(Uuid::from_u128(7)), Timestamp(1));
        let product = Product { id, details, created: at, updated: at, version: 1 };
        let written = [Write::Insert(product.record().unwrap())];
        let answer = Ok(Answer::Product(product));
        assert_eq!(encode(&answer, &written).unwrap(), encode(&answer, &[]).unwrap());
    }
}
