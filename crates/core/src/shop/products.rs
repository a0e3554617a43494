//! Products: make, read, change, list, delete.

use uuid::Uuid;

use super::keys::{insist, write_once};
use super::records::{Document, decode, decode_all};
use super::{Shop, Terms};
use crate::error::{Error, Result};
use crate::id::ProductId;
use crate::page::{LIMIT_MAX, Listed, Request};
use crate::port::store::{Condition, Kind, Order, Query, Write};
use crate::product::{Product, ProductDetails, ProductField};
use crate::sku::{Sku, StockedSku};
use crate::text::valid;

/// How many SKUs of a product go in one commit when it is deleted with them.
const CASCADE_STEP: u32 = 500;

impl Shop {
    /// Makes a product.
    pub async fn new_product(&self, details: ProductDetails, terms: &Terms) -> Result<Product> {
        valid(|all| details.check(all))?;
        write_once!(self, terms, |changes| {
            let (id, created) = (ProductId(self.id()), changes.at);
            let product = Product { id, details: details.clone(), created, updated: created, version: 1 };
            changes.insert(&product, "product.created")?;
            product
        })
    }

    /// A product and its SKUs, first made first, as many as fit on one page.
    pub async fn product(&self, id: ProductId) -> Result<(Product, Vec<StockedSku>)> {
        let product = self.load::<Product>(id.0).await?;
        let skus = self.skus_of(id, u32::try_from(LIMIT_MAX).unwrap_or(u32::MAX)).await?;
        Ok((product, self.with_stock(skus).await?))
    }

    /// Changes these fields of a product. `expected_version` 0 takes any version.
    pub async fn update_product(
        &self,
        id: ProductId,
        new: ProductDetails,
        fields: &[ProductField],
        expected_version: u64,
        terms: &Terms,
    ) -> Result<Product> {
        write_once!(self, terms, |changes| {
            let old = self.load::<Product>(id.0).await?;
            insist(&old, expected_version)?;
            let mut product = old.clone();
            product.change(&new, fields);
            valid(|all| product.details.check(all))?;
            changes.replace(&old, &mut product, "product.updated")?;
            product
        })
    }

    /// A page of products.
    pub async fn products(&self, request: &Request) -> Result<Listed<Product>> {
        self.list(request).await
    }

    /// Deletes a product; its SKUs too if `cascade`, else it is refused while there are any.
    pub async fn delete_product(&self, id: ProductId, cascade: bool, terms: &Terms) -> Result<()> {
        if let Some(answer) = self.replay(terms).await? {
            return Ok(answer);
        }
        if cascade {
            self.delete_skus_of(id).await?;
        }
        write_once!(self, terms, |changes| {
            let product = self.load::<Product>(id.0).await?;
            changes.write(Write::NoChildren(id.0));
            changes.delete(&product, "product.deleted")?;
        })
    }

    async fn delete_skus_of(&self, id: ProductId) -> Result<()> {
        self.load::<Product>(id.0).await?;
        loop {
            let skus = self.skus_of(id, CASCADE_STEP).await?;
            if skus.is_empty() {
                return Ok(());
            }
            let mut changes = super::changes::Changes::new(self);
            for sku in &skus {
                changes.delete(sku, "sku.deleted")?;
            }
            match changes.commit().await.map_err(Error::from) {
                // Somebody changed or deleted one of them meanwhile: look again.
                Ok(_) | Err(Error::Stale { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn skus_of(&self, id: ProductId, limit: u32) -> Result<Vec<Sku>> {
        let query = Query {
            kind: Kind::Sku,
            conditions: vec![Condition::Parent(id.0)],
            order: Order { by_updated: false, descending: false },
            after: None,
            offset: 0,
            limit,
        };
        self.store.list(&query).await?.records.iter().map(decode).collect()
    }

    /// A page of any noun.
    pub(super) async fn list<T: Document>(&self, request: &Request) -> Result<Listed<T>> {
        let query = request.query(T::KIND)?;
        let page = self.store.list(&query).await?;
        let total = self.store.count(T::KIND, &request.conditions).await?;
        let items = decode_all(&page.records).await?;
        Ok(Listed { items, total, next: request.cursor(T::KIND, &page) })
    }

    /// These SKUs with their stock.
    pub(super) async fn with_stock(&self, skus: Vec<Sku>) -> Result<Vec<StockedSku>> {
        let ids: Vec<Uuid> = skus.iter().map(|sku| sku.id.0).collect();
        let stock = if ids.is_empty() { Vec::new() } else { self.store.stock(&ids).await? };
        let pairs = skus.into_iter().zip(stock);
        Ok(pairs.map(|(sku, stock)| StockedSku { sku, stock: stock.unwrap_or_default() }).collect())
    }
}
