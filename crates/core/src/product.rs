//! A product: a family of SKUs that differ in its attributes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blank::is_blank;
use crate::id::ProductId;
use crate::text::{DESCRIPTION_MAX, Violations};
use crate::time::Timestamp;

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its identity.
    pub id: ProductId,
    /// What a client may say of it.
    pub details: ProductDetails,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Rises by one per change.
    pub version: u64,
}

/// What a client says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDetails {
    /// Its name.
    pub name: String,
    /// Whether its SKUs are on sale.
    pub active: bool,
    /// The names of the attributes in which its SKUs differ.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub attributes: Vec<String>,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub description: String,
    /// URLs of pictures.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub images: Vec<String>,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub metadata: BTreeMap<String, String>,
    /// Whether it must be sent to the buyer.
    pub shippable: bool,
    /// Its page; may be empty.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub url: String,
}

impl ProductDetails {
    /// Notes what keeps these details from making a product.
    pub fn check(&self, all: &mut Violations) {
        all.name("name", &self.name);
        all.names("attributes", &self.attributes);
        all.text("description", &self.description, DESCRIPTION_MAX);
        all.urls("images", &self.images);
        all.map("metadata", &self.metadata);
        all.url("url", &self.url);
    }
}

/// A field of a product that an update may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductField {
    /// `name`
    Name,
    /// `active`
    Active,
    /// `attributes`
    Attributes,
    /// `description`
    Description,
    /// `images`
    Images,
    /// `metadata`
    Metadata,
    /// `shippable`
    Shippable,
    /// `url`
    Url,
}

impl ProductField {
    /// Every field, by its name on the wire.
    pub const ALL: [(&str, ProductField); 8] = [
        ("name", Self::Name),
        ("active", Self::Active),
        ("attributes", Self::Attributes),
        ("description", Self::Description),
        ("images", Self::Images),
        ("metadata", Self::Metadata),
        ("shippable", Self::Shippable),
        ("url", Self::Url),
    ];

    /// The fields that an update without a mask changes: those that are not empty, and both flags always.
    pub fn said(new: &ProductDetails) -> Vec<ProductField> {
        let said = |field: &ProductField| match field {
            Self::Name => !new.name.is_empty(),
            Self::Attributes => !new.attributes.is_empty(),
            Self::Description => !new.description.is_empty(),
            Self::Images => !new.images.is_empty(),
            Self::Metadata => !new.metadata.is_empty(),
            Self::Url => !new.url.is_empty(),
            Self::Active | Self::Shippable => true,
        };
        Self::ALL.into_iter().map(|(_, field)| field).filter(said).collect()
    }
}

impl Product {
    /// Takes over these fields of `new`.
    pub fn change(&mut self, new: &ProductDetails, fields: &[ProductField]) {
        self.details.change(new, fields);
    }
}

impl ProductDetails {
    /// Takes over these fields of `new`.
    pub fn change(&mut self, new: &ProductDetails, fields: &[ProductField]) {
        let details = self;
        for field in fields {
            match field {
                ProductField::Name => details.name.clone_from(&new.name),
                ProductField::Active => details.active = new.active,
                ProductField::Attributes => details.attributes.clone_from(&new.attributes),
                ProductField::Description => details.description.clone_from(&new.description),
                ProductField::Images => details.images.clone_from(&new.images),
                ProductField::Metadata => details.metadata.clone_from(&new.metadata),
                ProductField::Shippable => details.shippable = new.shippable,
                ProductField::Url => details.url.clone_from(&new.url),
            }
        }
    }
}
