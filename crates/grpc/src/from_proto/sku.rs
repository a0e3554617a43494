//! SKUs.

use digota_core::Result;
use digota_core::id::{ProductId, SkuId};
use digota_core::page::Request;
use digota_core::port::store::Condition;
use digota_core::shop::skus::check_adjustment;
use digota_core::sku::{Package, SkuChange, SkuDetails, check_quantity};
use digota_core::text::Violations;
use digota_proto::skupb::{
    AdjustInventoryRequest, Inventory, ListRequest, NewRequest, PackageDimensions, UpdateRequest, inventory,
};

use super::{Paging, amount, an_id, currency, masked, page, placeholder, version};

pub(crate) fn new_sku(request: NewRequest) -> Result<(SkuDetails, i64)> {
    let mut all = Violations::new();
    all.check(request.inventory.is_some(), "inventory", "is required");
    let (finite, quantity) = stock(request.inventory.as_ref(), &mut all);
    let details = SkuDetails {
        currency: currency("currency", request.currency, &mut all),
        parent: ProductId(an_id("parent", &request.parent, &mut all)),
        name: request.name,
        price: amount(request.price),
        active: request.active,
        metadata: request.metadata,
        attributes: request.attributes,
        image: request.image,
        package: request.package_dimensions.as_ref().map(package),
        finite,
    };
    details.check(&mut all);
    check_quantity(quantity, &mut all);
    all.end()?;
    Ok((details, quantity))
}

pub(crate) struct SkuUpdate {
    pub(crate) id: SkuId,
    pub(crate) change: SkuChange,
    pub(crate) expected_version: u64,
}

/// A field of a SKU that a mask may name.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Name,
    Currency,
    Active,
    Price,
    Parent,
    Metadata,
    Image,
    Package,
    Type,
    Quantity,
    Inventory,
    Attributes,
}

const FIELDS: [(&str, Field); 12] = [
    ("name", Field::Name),
    ("currency", Field::Currency),
    ("active", Field::Active),
    ("price", Field::Price),
    ("parent", Field::Parent),
    ("metadata", Field::Metadata),
    ("image", Field::Image),
    ("packageDimensions", Field::Package),
    ("inventory.type", Field::Type),
    ("inventory.quantity", Field::Quantity),
    ("inventory", Field::Inventory),
    ("attributes", Field::Attributes),
];

pub(crate) fn update_sku(request: UpdateRequest) -> Result<SkuUpdate> {
    let mut all = Violations::new();
    let id = SkuId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let fields = match &request.update_mask {
        Some(mask) if !mask.paths.is_empty() => masked(mask, &FIELDS, &mut all),
        _ => said(&request),
    };
    let change = change(request, &fields, &mut all);
    check(&change, &mut all);
    all.end()?;
    Ok(SkuUpdate { id, change, expected_version })
}

/// The fields that an update without a mask changes: those that are not empty, and `active` always.
fn said(request: &UpdateRequest) -> Vec<Field> {
    let said = |field: &Field| match field {
        Field::Name => !request.name.is_empty(),
        Field::Currency => request.currency != 0,
        Field::Active => true,
        Field::Price => request.price != 0,
        Field::Parent => !request.parent.is_empty(),
        Field::Metadata => !request.metadata.is_empty(),
        Field::Image => !request.image.is_empty(),
        Field::Package => request.package_dimensions.is_some(),
        Field::Inventory => request.inventory.is_some(),
        Field::Type | Field::Quantity => false,
        Field::Attributes => !request.attributes.is_empty(),
    };
    FIELDS.into_iter().map(|(_, field)| field).filter(said).collect()
}

fn change(request: UpdateRequest, fields: &[Field], all: &mut Violations) -> SkuChange {
    let has = |field| fields.contains(&field) || (fields.contains(&Field::Inventory) && is_stock(field));
    let stocked = has(Field::Type) || has(Field::Quantity);
    let (finite, quantity) = if stocked { stock(request.inventory.as_ref(), all) } else { (false, 0) };
    SkuChange {
        currency: has(Field::Currency).then(|| currency("currency", request.currency, all)),
        parent: has(Field::Parent).then(|| ProductId(an_id("parent", &request.parent, all))),
        name: has(Field::Name).then_some(request.name),
        price: has(Field::Price).then(|| amount(request.price)),
        active: has(Field::Active).then_some(request.active),
        metadata: has(Field::Metadata).then_some(request.metadata),
        attributes: has(Field::Attributes).then_some(request.attributes),
        image: has(Field::Image).then_some(request.image),
        package: has(Field::Package).then(|| request.package_dimensions.as_ref().map(package)),
        finite: has(Field::Type).then_some(finite),
        quantity: has(Field::Quantity).then_some(quantity),
    }
}

fn is_stock(field: Field) -> bool {
    matches!(field, Field::Type | Field::Quantity)
}

/// Judges only what is to be changed, by putting it into a SKU that is right otherwise.
fn check(change: &SkuChange, all: &mut Violations) {
    let details = SkuDetails {
        name: change.name.clone().unwrap_or_else(|| "unchanged".into()),
        price: change.price.unwrap_or_default(),
        currency: change.currency.unwrap_or_else(placeholder),
        active: true,
        parent: ProductId(uuid::Uuid::nil()),
        metadata: change.metadata.clone().unwrap_or_default(),
        attributes: change.attributes.clone().unwrap_or_default(),
        image: change.image.clone().unwrap_or_default(),
        package: change.package.flatten(),
        finite: true,
    };
    details.check(all);
    check_quantity(change.quantity.unwrap_or_default(), all);
}

fn stock(given: Option<&Inventory>, all: &mut Violations) -> (bool, i64) {
    let Some(given) = given else { return (false, 0) };
    let kind = inventory::Type::try_from(given.r#type);
    all.check(kind.is_ok(), "inventory.type", "must be Infinite or Finite");
    (kind == Ok(inventory::Type::Finite), given.quantity)
}

fn package(given: &PackageDimensions) -> Package {
    Package { height: given.height, length: given.length, weight: given.weight, width: given.width }
}

pub(crate) struct Adjustment {
    pub(crate) id: SkuId,
    pub(crate) delta: i64,
    pub(crate) reason: String,
    pub(crate) expected_version: u64,
}

pub(crate) fn adjust_inventory(request: AdjustInventoryRequest) -> Result<Adjustment> {
    let mut all = Violations::new();
    let id = SkuId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    check_adjustment(request.delta, &request.reason, &mut all);
    all.end()?;
    Ok(Adjustment { id, delta: request.delta, reason: request.reason, expected_version })
}

pub(crate) fn skus(request: ListRequest) -> Result<Request> {
    let ListRequest { page: number, limit, sort, cursor, parent, active } = request;
    let mut all = Violations::new();
    let mut conditions = Vec::new();
    if !parent.is_empty() {
        conditions.push(Condition::Parent(an_id("parent", &parent, &mut all)));
    }
    conditions.extend(active.map(Condition::Active));
    page(Paging { page: number, limit, sort, cursor }, conditions, all)
}
