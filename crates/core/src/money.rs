//! Money in the smallest unit of its currency, and sums that refuse to wrap.

use serde::{Deserialize, Serialize};

use crate::currency::Currency;

/// The most lines of an order.
pub const LINES_MAX: usize = 200;
/// The most pieces on one line.
pub const QUANTITY_MAX: i64 = 1_000_000;
/// The highest unit price, either sign, in the smallest unit of the currency.
pub const UNIT_PRICE_MAX: i64 = 10_000_000_000;
/// The highest total of an order or charge, in the smallest unit of the currency.
pub const TOTAL_MAX: i64 = 1_000_000_000_000;

// A full order at the highest prices stays within 64 bits, whatever the order of summation.
const _: () =
    assert!((LINES_MAX as i128) * (QUANTITY_MAX as i128) * (UNIT_PRICE_MAX as i128) < i64::MAX as i128);

/// An amount in the smallest unit of its currency: 4726 USD is $47.26.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// How many of the smallest unit.
    pub amount: i64,
    /// Of which currency.
    pub currency: Currency,
}

impl std::fmt::Display for Money {
    /// For people: `47.26 USD`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = usize::from(self.currency.exponent());
        let sign = if self.amount < 0 { "-" } else { "" };
        let units = self.amount.unsigned_abs();
        if digits == 0 {
            return write!(f, "{sign}{units} {}", self.currency);
        }
        let scale = 10u64.pow(u32::from(self.currency.exponent()));
        write!(f, "{sign}{}.{:0digits$} {}", units / scale, units % scale, self.currency)
    }
}

/// The price of `quantity` pieces, or `None` where it would pass the caps.
pub fn line_total(unit_price: i64, quantity: i64) -> Option<i64> {
    let within = unit_price.checked_abs()? <= UNIT_PRICE_MAX && (0..=QUANTITY_MAX).contains(&quantity);
    within.then(|| unit_price.checked_mul(quantity)).flatten()
}

/// The sum of line totals, or `None` where it would wrap.
pub fn sum(totals: impl IntoIterator<Item = i64>) -> Option<i64> {
    totals.into_iter().try_fold(0i64, i64::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edgy() -> impl Strategy<Value = i64> {
        prop_oneof![
            any::<i64>(),
            (0u32..63, -8i64..8).prop_map(|(bits, off)| (1i64 << bits).saturating_add(off)),
            (0u32..63, -8i64..8).prop_map(|(bits, off)| (1i64 << bits).wrapping_neg().saturating_sub(off)),
        ]
    }

    proptest! {
        #[test]
        fn a_line_total_is_exact_or_refused(price in edgy(), quantity in edgy()) {
            let exact = i128::from(price) * i128::from(quantity);
            match line_total(price, quantity) {
                Some(total) => prop_assert_eq!(i128::from(total), exact),
                None => prop_assert!(
                    !(0..=QUANTITY_MAX).contains(&quantity) || price.unsigned_abs() > UNIT_PRICE_MAX.unsigned_abs()
                ),
            }
        }

        #[test]
        fn a_sum_is_exact_or_refused(totals in proptest::collection::vec(edgy(), 0..20)) {
            let exact: i128 = totals.iter().copied().map(i128::from).sum();
            if let Some(total) = sum(totals) {
                prop_assert_eq!(i128::from(total), exact);
            }
        }
    }

    #[test]
    fn money_reads_as_people_write_it() {
        let show = |amount, code| {
            let currency = Currency::from_code(code).expect("a currency of the contract");
            Money { amount, currency }.to_string()
        };
        assert_eq!(show(4726, "USD"), "47.26 USD");
        assert_eq!(show(-5, "EUR"), "-0.05 EUR");
        assert_eq!(show(100, "JPY"), "100 JPY");
        assert_eq!(show(1005, "KWD"), "1.005 KWD");
        assert_eq!(show(i64::MIN, "JPY"), "-9223372036854775808 JPY");
    }
}
