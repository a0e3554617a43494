//! SKUs and their stock: make, read, change, list, delete, adjust.

use super::keys::{insist, write_once};
use super::records::decode;
use super::{Shop, Terms};
use crate::error::{Error, Reason, Result};
use crate::id::SkuId;
use crate::page::{Listed, Request};
use crate::port::store::{Change, Kind, Write};
use crate::product::Product;
use crate::sku::{Sku, SkuChange, SkuDetails, StockedSku, check_quantity};
use crate::stock::{ON_HAND_MAX, Stock};
use crate::text::{NAME_MAX, Violations, valid};

impl Shop {
    /// Makes a SKU with its first stock.
    pub async fn new_sku(&self, details: SkuDetails, quantity: i64, terms: &Terms) -> Result<StockedSku> {
        valid(|all| {
            details.check(all);
            check_quantity(quantity, all);
        })?;
        write_once!(self, terms, |changes| {
            let product = self.load::<Product>(details.parent.0).await?;
            let mut details = details.clone();
            details.keep_attributes(&product.details.attributes);
            let (id, created) = (SkuId(self.id()), changes.at);
            let sku = Sku { id, details, created, updated: created, version: 1 };
            changes.check(Kind::Product, product.id.0, None);
            changes.insert(&sku, "sku.created")?;
            changes.write(Write::OpenStock { sku: id.0, on_hand: quantity });
            sku
        })
    }

    /// A SKU with its stock.
    pub async fn sku(&self, id: SkuId) -> Result<StockedSku> {
        let found = self.store.stocked(id.0).await?;
        let (record, stock) = found.ok_or_else(|| Error::not_found(Kind::Sku, id))?;
        Ok(StockedSku { sku: decode(&record)?, stock: stock.unwrap_or_default() })
    }

    /// Changes some fields of a SKU; a new quantity means "this many are available now". `expected_version` 0 takes any version.
    pub async fn update_sku(
        &self,
        id: SkuId,
        new: SkuChange,
        expected_version: u64,
        terms: &Terms,
    ) -> Result<StockedSku> {
        write_once!(self, terms, |changes| {
            let old = self.load::<Sku>(id.0).await?;
            insist(&old, expected_version)?;
            let mut sku = old.clone();
            sku.change(&new);
            valid(|all| {
                sku.details.check(all);
                check_quantity(new.quantity.unwrap_or(0), all);
            })?;
            if new.parent.is_some() || new.attributes.is_some() {
                let product = self.load::<Product>(sku.details.parent.0).await?;
                sku.details.keep_attributes(&product.details.attributes);
                changes.check(Kind::Product, product.id.0, None);
            }
            changes.replace(&old, &mut sku, "sku.updated")?;
            if let Some(quantity) = new.quantity {
                changes.stock(id, Change::SetAvailable(quantity), None, "set by an update");
            }
            sku
        })
    }

    /// Adds stock, or takes some away. Never loses another's change, since it says by how much and not to what.
    pub async fn adjust_inventory(
        &self,
        id: SkuId,
        delta: i64,
        reason: &str,
        expected_version: u64,
        terms: &Terms,
    ) -> Result<StockedSku> {
        valid(|all| check_adjustment(delta, reason, all))?;
        write_once!(self, terms, |changes| {
            let sku = self.load::<Sku>(id.0).await?;
            insist(&sku, expected_version)?;
            if !sku.details.finite {
                let message = "the inventory of this SKU is infinite; make it finite first";
                return Err(Error::refused(Reason::InventoryInfinite, message));
            }
            self.room_for(id, delta).await?;
            changes.check(Kind::Sku, id.0, None);
            changes.stock(id, Change::Adjust(delta), None, reason);
            sku
        })
    }

    /// A page of SKUs, with their stock.
    pub async fn skus(&self, request: &Request) -> Result<Listed<StockedSku>> {
        let Listed { items, total, next } = self.list::<Sku>(request).await?;
        Ok(Listed { items: self.with_stock(items).await?, total, next })
    }

    /// Deletes a SKU. Its stock record and ledger stay: open payments and later returns of it still add up.
    pub async fn delete_sku(&self, id: SkuId, terms: &Terms) -> Result<()> {
        write_once!(self, terms, |changes| {
            let sku = self.load::<Sku>(id.0).await?;
            changes.delete(&sku, "sku.deleted")?;
        })
    }

    /// Says that more than fits was asked, which the store would call a shortage.
    async fn room_for(&self, id: SkuId, delta: i64) -> Result<()> {
        let stock = self.stock_of(id).await?;
        if stock.available().saturating_add(delta) > ON_HAND_MAX {
            return Err(Error::invalid("delta", "would make more than 1000000000000 pieces"));
        }
        Ok(())
    }

    pub(super) async fn stock_of(&self, id: SkuId) -> Result<Stock> {
        Ok(self.store.stock(&[id.0]).await?.first().copied().flatten().unwrap_or_default())
    }
}

/// Notes what is wrong with an adjustment of stock.
pub fn check_adjustment(delta: i64, reason: &str, all: &mut Violations) {
    let within = delta != 0 && (-ON_HAND_MAX..=ON_HAND_MAX).contains(&delta);
    all.check(within, "delta", "must not be 0, and be within 1000000000000 of it");
    all.line("reason", reason, NAME_MAX);
    all.check(!reason.trim().is_empty(), "reason", "is required: it is kept in the stock ledger");
}
