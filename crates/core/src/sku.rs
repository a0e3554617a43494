//! A SKU: one thing that can be bought, with its price. Its stock is kept apart: see [`crate::stock`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blank::is_blank;
use crate::currency::Currency;
use crate::id::{ProductId, SkuId};
use crate::money::UNIT_PRICE_MAX;
use crate::stock::{ON_HAND_MAX, Stock};
use crate::text::Violations;
use crate::time::Timestamp;

/// A SKU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sku {
    /// Its identity.
    pub id: SkuId,
    /// What a client may say of it.
    pub details: SkuDetails,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed; a sale does not change it.
    pub updated: Timestamp,
    /// Rises by one per change; a sale does not change it.
    pub version: u64,
}

/// What a client says of a SKU, but for its quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkuDetails {
    /// Its name.
    pub name: String,
    /// The price of one piece, in the smallest unit of its currency.
    pub price: i64,
    /// In what it is paid.
    pub currency: Currency,
    /// Whether it is on sale.
    pub active: bool,
    /// Its product.
    pub parent: ProductId,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub metadata: BTreeMap<String, String>,
    /// Its values for the product's attributes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub attributes: BTreeMap<String, String>,
    /// URL of a picture; may be empty.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub image: String,
    /// How large and heavy its package is.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub package: Option<Package>,
    /// Whether its stock is counted.
    pub finite: bool,
}

/// A package's dimensions, in units that the client chooses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Above zero.
    pub height: f64,
    /// Above zero.
    pub length: f64,
    /// Above zero.
    pub weight: f64,
    /// Above zero.
    pub width: f64,
}

/// A SKU with its stock at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct StockedSku {
    /// The SKU.
    pub sku: Sku,
    /// Its stock.
    pub stock: Stock,
}

impl SkuDetails {
    /// Notes what keeps these details from making a SKU.
    pub fn check(&self, all: &mut Violations) {
        all.name("name", &self.name);
        all.check((0..=UNIT_PRICE_MAX).contains(&self.price), "price", "must be 0 to 10000000000");
        all.map("metadata", &self.metadata);
        all.map("attributes", &self.attributes);
        all.url("image", &self.image);
        if let Some(package) = &self.package {
            package.check(all);
        }
    }

    /// Drops the attributes that the product does not name.
    pub fn keep_attributes(&mut self, named: &[String]) {
        self.attributes.retain(|name, _| named.contains(name));
    }
}

impl Package {
    /// Notes each dimension that no package can have.
    pub fn check(&self, all: &mut Violations) {
        let sides = [
            ("height", self.height),
            ("length", self.length),
            ("weight", self.weight),
            ("width", self.width),
        ];
        for (name, size) in sides {
            let good = size.is_finite() && size > 0.0 && size <= 1e9;
            all.check(
                good,
                format_args!("packageDimensions.{name}"),
                "must be above 0 and at most 1000000000",
            );
        }
    }
}

/// Notes a quantity that no stock can have.
pub fn check_quantity(quantity: i64, all: &mut Violations) {
    all.check((0..=ON_HAND_MAX).contains(&quantity), "inventory.quantity", "must be 0 to 1000000000000");
}

/// New values of some fields of a SKU; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkuChange {
    /// `name`
    pub name: Option<String>,
    /// `price`
    pub price: Option<i64>,
    /// `currency`
    pub currency: Option<Currency>,
    /// `active`
    pub active: Option<bool>,
    /// `parent`
    pub parent: Option<ProductId>,
    /// `metadata`
    pub metadata: Option<BTreeMap<String, String>>,
    /// `attributes`
    pub attributes: Option<BTreeMap<String, String>>,
    /// `image`
    pub image: Option<String>,
    /// `packageDimensions`; the inner `None` takes them away
    pub package: Option<Option<Package>>,
    /// `inventory.type`: whether stock is counted
    pub finite: Option<bool>,
    /// `inventory.quantity`: how many are available
    pub quantity: Option<i64>,
}

impl Sku {
    /// Takes over the new values; the quantity is for the stock.
    pub fn change(&mut self, new: &SkuChange) {
        let details = &mut self.details;
        take(&mut details.name, new.name.as_ref());
        take(&mut details.price, new.price.as_ref());
        take(&mut details.currency, new.currency.as_ref());
        take(&mut details.active, new.active.as_ref());
        take(&mut details.parent, new.parent.as_ref());
        take(&mut details.metadata, new.metadata.as_ref());
        take(&mut details.attributes, new.attributes.as_ref());
        take(&mut details.image, new.image.as_ref());
        take(&mut details.package, new.package.as_ref());
        take(&mut details.finite, new.finite.as_ref());
    }
}

fn take<T: Clone>(old: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        old.clone_from(new);
    }
}
