//! Identities: one type per noun around a UUID.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }
    )+};
}

ids! {
    /// A product.
    ProductId,
    /// A stock keeping unit, and its stock.
    SkuId,
    /// An order.
    OrderId,
    /// A charge.
    ChargeId,
    /// A refund of a charge.
    RefundId,
    /// One try to move money at a gateway; also the reference by which the gateway knows it.
    AttemptId,
    /// A running digota process, from start to end.
    NodeId,
}

/// Reads an id as clients write it: a hyphenated UUID, any case, not nil. `None` for anything else.
pub fn parse(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok().filter(|id| !id.is_nil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hyphenated_uuids_that_are_not_nil_are_ids() {
        let good = "af350ecc-56c8-485f-8858-74d4faffa9cb";
        assert_eq!(parse(good).map(|id| id.to_string()).as_deref(), Some(good));
        assert_eq!(parse(&good.to_uppercase()).map(|id| id.to_string()).as_deref(), Some(good));
        for bad in [
            "",
            "af350ecc56c8485f885874d4faffa9cb",
            " af350ecc-56c8-485f-8858-74d4faffa9cb",
            "{af350ecc-56c8-485f-8858-74d4faffa9cb}",
            "00000000-0000-0000-0000-000000000000",
            "../../etc/passwd",
            "' OR 1=1 --",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
