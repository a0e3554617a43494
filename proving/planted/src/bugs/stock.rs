//! Mistakes of whoever moves stock.

use async_trait::async_trait;
use digota_core::port::Store;
use digota_core::port::store::{Batch, Change, CommitError, Committed, Refusal, Write};
use digota_core::stock::Shortage;

use super::twist::{Twist, sibling};

/// Lets go once more what was let go.
pub(super) struct Cleanup;

#[async_trait]
impl Twist for Cleanup {
    async fn commit(&self, store: &dyn Store, batch: Batch) -> Result<Committed, CommitError> {
        let again: Vec<Write> = batch.writes.iter().filter_map(release).collect();
        let (operation, at) = (sibling(batch.operation, 2), batch.at);
        let committed = store.commit(batch).await?;
        if !again.is_empty() {
            // Where nothing is held there is nothing to clean up.
            let _ = store.commit(Batch { operation, at, writes: again }).await;
        }
        Ok(committed)
    }
}

fn release(write: &Write) -> Option<Write> {
    match write {
        Write::Move { sku, change: change @ Change::Release(_), .. } => {
            Some(Write::Move { sku: *sku, change: *change, reference: None, reason: "cleanup".into() })
        }
        _ => None,
    }
}

/// Keeps what a failed payment held.
pub(super) struct NeverLetsGo;

#[async_trait]
impl Twist for NeverLetsGo {
    async fn commit(&self, store: &dyn Store, mut batch: Batch) -> Result<Committed, CommitError> {
        batch.writes.retain(|write| release(write).is_none());
        store.commit(batch).await
    }
}

/// Reads how much is held, judges, and writes back how much should be held, whatever is held by then.
pub(super) struct ReadThenWrite;

#[async_trait]
impl Twist for ReadThenWrite {
    async fn commit(&self, store: &dyn Store, mut batch: Batch) -> Result<Committed, CommitError> {
        let mut should_be = Vec::new();
        for write in &batch.writes {
            let Write::Move { sku, change: Change::Reserve(wanted), .. } = write else { continue };
            let stock = store.stock(&[*sku]).await?.pop().flatten().unwrap_or_default();
            if stock.available() < *wanted {
                let shortage = Shortage { sku: *sku, wanted: *wanted, available: stock.available() };
                return Err(CommitError::Refused(Refusal::OutOfStock(vec![shortage])));
            }
            should_be.push((*sku, stock.reserved + wanted));
        }
        match store.commit(batch.clone()).await {
            Err(CommitError::Refused(Refusal::OutOfStock(_))) if !should_be.is_empty() => {}
            done => return done,
        }
        for (sku, reserved) in should_be {
            let now = store.stock(&[sku]).await?.pop().flatten().unwrap_or_default().reserved;
            for write in &mut batch.writes {
                if let Write::Move { sku: moved, change: Change::Reserve(wanted), .. } = write
                    && *moved == sku
                {
                    *wanted = (reserved - now).max(0);
                }
            }
        }
        store.commit(batch).await
    }
}
