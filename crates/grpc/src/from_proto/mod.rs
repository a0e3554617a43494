//! From messages to the shop's values. Everything that is wrong with a request is reported at once, by the proto's field names:
//! what can't be converted is noted and something harmless put in its place, so that the shop's own rules are checked as well.

mod admin;
mod card;
mod order;
mod payment;
mod product;
mod sku;

pub(crate) use admin::{payments, settle};
pub(crate) use order::{cancel, fulfill, new_order, orders, pay, return_order};
pub(crate) use payment::{capture, charges, new_charge, refund, void};
pub(crate) use product::{delete_product, new_product, products, update_product};
pub(crate) use sku::{adjust_inventory, new_sku, skus, update_sku};

use std::fmt::Display;

use digota_core::Result;
use digota_core::currency::Currency;
use digota_core::id;
use digota_core::page::{Request, Sort};
use digota_core::payment::Provider;
use digota_core::port::store::Condition;
use digota_core::text::Violations;
use prost_types::FieldMask;
use uuid::Uuid;

/// An id that must be there.
pub(crate) fn required_id(field: &str, text: &str) -> Result<Uuid> {
    let mut all = Violations::new();
    let id = an_id(field, text, &mut all);
    all.end()?;
    Ok(id)
}

fn an_id(field: impl Display, text: &str, all: &mut Violations) -> Uuid {
    let id = id::parse(text);
    all.check(id.is_some(), field, "must be a UUID, as 7d9f0c1e-5b1a-4c59-9d0a-3f5f9a1e2b3c");
    id.unwrap_or_default()
}

fn version(field: &str, version: i64, all: &mut Violations) -> u64 {
    all.check(version >= 0, field, "must be 0 (any) or more");
    u64::try_from(version).unwrap_or_default()
}

/// A currency that must be there; another stands in for one that is not.
fn currency(field: &str, number: i32, all: &mut Violations) -> Currency {
    let found = Currency::from_number(number);
    all.check(found.is_some(), field, "must be a currency of the contract");
    found.unwrap_or_else(placeholder)
}

fn placeholder() -> Currency {
    Currency::all().last().expect("there are 128 currencies")
}

fn provider(number: i32, all: &mut Violations) -> Provider {
    let found = Provider::from_number(number);
    all.check(found.is_some(), "paymentProviderId", "must be a payment provider: 1 to 4");
    found.unwrap_or(Provider::Sandbox)
}

/// An unsigned amount as a signed one; too large a one becomes one that no rule lets pass.
fn amount(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// What every ListRequest has in common.
struct Paging {
    page: i64,
    limit: i64,
    sort: i32,
    cursor: String,
}

fn page(paging: Paging, conditions: Vec<Condition>, mut all: Violations) -> Result<Request> {
    let sort = Sort::from_number(paging.sort);
    all.check(sort.is_some(), "sort", "must be 0 to 4");
    all.end()?;
    let Paging { page, limit, cursor, .. } = paging;
    Ok(Request { page, limit, sort: sort.unwrap_or_default(), cursor, conditions })
}

/// The fields that a mask names, out of those there are. Paths may be spelled in camel case or with underscores; `*` is all.
fn masked<T: Copy>(mask: &FieldMask, fields: &[(&str, T)], all: &mut Violations) -> Vec<T> {
    let mut named = Vec::with_capacity(mask.paths.len());
    for path in &mask.paths {
        if path == "*" {
            return fields.iter().map(|(_, field)| *field).collect();
        }
        match fields.iter().find(|(name, _)| plain(name) == plain(path)) {
            Some((_, field)) => named.push(*field),
            None => {
                let short: String = path.chars().take(64).collect();
                all.add("update_mask", format!("names {short:?}, which is not a field that can be changed"));
            }
        }
    }
    named
}

fn plain(path: &str) -> String {
    path.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_understood_in_both_spellings() {
        let fields = [("packageDimensions", 1), ("inventory.quantity", 2)];
        let ask = |path: &str| {
            let mut all = Violations::new();
            let named = masked(&FieldMask { paths: vec![path.to_owned()] }, &fields, &mut all);
            (named, all.any())
        };
        assert_eq!(ask("packageDimensions"), (vec![1], false));
        assert_eq!(ask("package_dimensions"), (vec![1], false));
        assert_eq!(ask("inventory.quantity"), (vec![2], false));
        assert_eq!(ask("*"), (vec![1, 2], false));
        assert_eq!(ask("version"), (vec![], true));
    }
}
