//! Making an order's lines: what the client drafts, at the SKUs' prices, merged, checked and added up.

use std::collections::BTreeMap;
use std::fmt::Arguments;

use super::{Line, LineKind, Shipping};
use crate::currency::Currency;
use crate::error::Result;
use crate::id::SkuId;
use crate::money::{LINES_MAX, Money, QUANTITY_MAX, TOTAL_MAX, UNIT_PRICE_MAX, line_total, sum};
use crate::sku::Sku;
use crate::text::{DESCRIPTION_MAX, LINE_MAX, Violations};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// In what it is to be paid.
    pub currency: Currency,
    /// Its lines.
    pub lines: Vec<DraftLine>,
    /// The client's own notes.
    pub metadata: BTreeMap<String, String>,
    /// The buyer's e-mail address; may be empty.
    pub email: String,
    /// Where it goes.
    pub shipping: Option<Shipping>,
}

/// A line that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftLine {
    /// What it is.
    pub kind: LineKind,
    /// How many; 0 stands for 1.
    pub quantity: i64,
    /// The price of one; ignored for goods.
    pub unit_price: i64,
    /// In what; `None` stands for the order's. Ignored for goods.
    pub currency: Option<Currency>,
    /// Goods: which SKU.
    pub sku: Option<SkuId>,
    /// For people; ignored for goods.
    pub description: String,
}

/// Lines with prices, and their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The lines; goods of the same SKU in one line.
    pub lines: Vec<Line>,
    /// Their sum.
    pub money: Money,
}

impl Draft {
    /// Notes what is wrong with a draft, before any SKU is read.
    pub fn check(&self, all: &mut Violations) {
        all.check(!self.lines.is_empty(), "items", "is empty");
        all.check(self.lines.len() <= LINES_MAX, "items", "has more than 200 lines");
        for (i, line) in self.lines.iter().enumerate().take(LINES_MAX) {
            line.check(format_args!("items[{i}]"), self.currency, all);
        }
        all.map("metadata", &self.metadata);
        all.email("email", &self.email);
        if let Some(shipping) = &self.shipping {
            shipping.check(all);
        }
    }

    /// The SKUs asked for, each once, in the order of their ids.
    pub fn skus(&self) -> Vec<SkuId> {
        let mut skus: Vec<SkuId> = self.lines.iter().filter_map(|line| line.sku).collect();
        skus.sort_unstable();
        skus.dedup();
        skus
    }

    /// Puts prices on the lines. `skus` holds every SKU asked for.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where currencies differ, a merged quantity or the sum passes its cap, or the sum is negative.
    pub fn price(&self, skus: &BTreeMap<SkuId, &Sku>) -> Result<Priced> {
        let mut all = Violations::new();
        let mut lines: Vec<Line> = Vec::with_capacity(self.lines.len());
        for (i, draft) in self.lines.iter().enumerate() {
            let line = draft.priced(skus);
            if let Some(sku) = draft.sku.and_then(|id| skus.get(&id)) {
                all.check(
                    sku.details.currency == self.currency,
                    format_args!("items[{i}].parent"),
                    "is not sold in the order's currency",
                );
            }
            match lines.iter_mut().find(|other| other.sku.is_some() && other.sku == line.sku) {
                Some(other) => other.quantity = other.quantity.saturating_add(line.quantity),
                None => lines.push(line),
            }
        }
        let amount = total(&lines, &mut all);
        all.end()?;
        Ok(Priced { lines, money: Money { amount, currency: self.currency } })
    }
}

/// The sum of the lines; notes a quantity or sum beyond its cap, and a sum below zero.
fn total(lines: &[Line], all: &mut Violations) -> i64 {
    let mut totals = Vec::with_capacity(lines.len());
    for line in lines {
        match line_total(line.unit_price, line.quantity) {
            Some(total) => totals.push(total),
            None => {
                all.add("items", "has more than 1000000 pieces of one SKU, or a price beyond 10000000000")
            }
        }
    }
    let amount = sum(totals).filter(|amount| *amount <= TOTAL_MAX);
    all.check(amount.is_some(), "items", "adds up to more than 1000000000000");
    let amount = amount.unwrap_or_default();
    all.check(amount >= 0, "items", "adds up to less than zero");
    amount
}

impl DraftLine {
    fn check(&self, at: Arguments<'_>, currency: Currency, all: &mut Violations) {
        let quantity = (0..=QUANTITY_MAX).contains(&self.quantity);
        all.check(quantity, format_args!("{at}.quantity"), "must be 0 (which stands for 1) to 1000000");
        if self.kind == LineKind::Sku {
            all.check(self.sku.is_some(), format_args!("{at}.parent"), "must be the id of a SKU");
            return;
        }
        all.text(format_args!("{at}.description"), &self.description, DESCRIPTION_MAX);
        let same = self.currency.is_none_or(|own| own == currency);
        all.check(same, format_args!("{at}.currency"), "must be the order's currency");
        let within = (-UNIT_PRICE_MAX..=UNIT_PRICE_MAX).contains(&self.unit_price);
        all.check(within, format_args!("{at}.amount"), "must be within 10000000000 of zero");
        match self.kind {
            LineKind::Discount => all.check(
                self.unit_price <= 0,
                format_args!("{at}.amount"),
                "of a discount must be 0 or less",
            ),
            LineKind::Tax => {
                all.check(self.unit_price >= 0, format_args!("{at}.amount"), "of a tax must be 0 or more")
            }
            LineKind::Shipping => {
                all.check(self.unit_price >= 0, format_args!("{at}.amount"), "of shipping must be 0 or more")
            }
            LineKind::Sku => {}
        }
    }

    fn priced(&self, skus: &BTreeMap<SkuId, &Sku>) -> Line {
        let sku = self.sku.filter(|_| self.kind == LineKind::Sku).and_then(|id| skus.get(&id));
        let (unit_price, description) = match sku {
            Some(sku) => (sku.details.price, sku.details.name.clone()),
            None => (self.unit_price, self.described()),
        };
        Line {
            kind: self.kind,
            quantity: self.quantity.max(1),
            unit_price,
            sku: sku.map(|sku| sku.id),
            description,
            stocked: false,
            returned: 0,
        }
    }

    fn described(&self) -> String {
        let default = match self.kind {
            LineKind::Discount => "Discount",
            LineKind::Tax => "Tax",
            LineKind::Shipping => "Shipping",
            LineKind::Sku => "",
        };
        if self.description.is_empty() { default.to_owned() } else { self.description.clone() }
    }
}

impl Shipping {
    /// Notes what is wrong with it.
    pub fn check(&self, all: &mut Violations) {
        let own = [
            ("name", &self.name),
            ("phone", &self.phone),
            ("carrier", &self.carrier),
            ("trackingNumber", &self.tracking_number),
        ];
        for (name, text) in own {
            all.line(format_args!("shipping.{name}"), text, LINE_MAX);
        }
        let Some(address) = &self.address else { return };
        let parts = [
            ("line1", &address.line1),
            ("line2", &address.line2),
            ("city", &address.city),
            ("country", &address.country),
            ("postalCode", &address.postal_code),
            ("state", &address.state),
        ];
        for (name, text) in parts {
            all.line(format_args!("shipping.address.{name}"), text, LINE_MAX);
        }
    }
}
