//! A table of wrong requests, and what they are refused for.

use std::collections::BTreeMap;

/// Sends each wrong request and holds the fields that it is refused for against those that it must be.
macro_rules! all_refused {
    ($client:expr, $rpc:ident, $base:expr, $([$($field:literal),+] $change:expr;)+) => {$({
        let mut request = $base;
        let change: fn(&mut _) = $change;
        change(&mut request);
        let shown = format!("{:.300}", format!("{request:?}"));
        let mut named = crate::harness::violations($client.$rpc(request).await);
        named.sort();
        named.dedup();
        assert_eq!(named, [$($field),+], "{} {shown}", stringify!($rpc));
    })+};
}

pub(super) use all_refused;

/// A map with so many entries.
pub(super) fn pairs(count: usize, key: impl Fn(usize) -> String, value: &str) -> BTreeMap<String, String> {
    (0..count).map(|i| (key(i), value.to_owned())).collect()
}
