//! Products.

use digota_core::Result;
use digota_core::id::ProductId;
use digota_core::page::Request;
use digota_core::port::store::Condition;
use digota_core::product::{ProductDetails, ProductField};
use digota_core::text::{Violations, valid};
use digota_proto::productpb::{DeleteRequest, ListRequest, NewRequest, UpdateRequest};

use super::{Paging, an_id, masked, page, version};

pub(crate) fn new_product(request: NewRequest) -> Result<ProductDetails> {
    let NewRequest { name, active, attributes, description, images, metadata, shippable, url } = request;
    let details = ProductDetails { name, active, attributes, description, images, metadata, shippable, url };
    valid(|all| details.check(all))?;
    Ok(details)
}

/// The shortest name that an update may give, in bytes.
const NAME_MIN: usize = 4;

pub(crate) struct ProductUpdate {
    pub(crate) id: ProductId,
    pub(crate) new: ProductDetails,
    pub(crate) fields: Vec<ProductField>,
    pub(crate) expected_version: u64,
}

pub(crate) fn update_product(request: UpdateRequest) -> Result<ProductUpdate> {
    let mut all = Violations::new();
    let id = ProductId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let UpdateRequest { name, active, attributes, description, images, metadata, shippable, url, .. } =
        request;
    let new = ProductDetails { name, active, attributes, description, images, metadata, shippable, url };
    let mask = request.update_mask.filter(|mask| !mask.paths.is_empty());
    let fields = match &mask {
        Some(mask) => masked(mask, &ProductField::ALL, &mut all),
        None => ProductField::said(&new),
    };
    let renamed = mask.is_none() || fields.contains(&ProductField::Name);
    all.check(!renamed || new.name.len() >= NAME_MIN, "name", "must be at least 4 bytes");
    // Only what is to be changed must be right: a name left out of the mask may be empty.
    let mut judged = ProductDetails { name: "unchanged".into(), ..ProductDetails::default() };
    judged.change(&new, &fields);
    judged.check(&mut all);
    all.end()?;
    Ok(ProductUpdate { id, new, fields, expected_version })
}

pub(crate) fn delete_product(request: &DeleteRequest) -> Result<(ProductId, bool)> {
    Ok((ProductId(super::required_id("id", &request.id)?), request.cascade))
}

pub(crate) fn products(request: ListRequest) -> Result<Request> {
    let ListRequest { page: number, limit, sort, cursor, active } = request;
    let conditions = active.map(Condition::Active).into_iter().collect();
    page(Paging { page: number, limit, sort, cursor }, conditions, Violations::new())
}
