//! Idempotency keys that no other call of this machine has used.

use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use tonic::metadata::{Ascii, MetadataValue};
use uuid::Uuid;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// How a key lies to the ones before it. Both have the form of a UUID, as clients' keys have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    /// Behind them, as UUIDs of version 7 do.
    #[default]
    Rising,
    /// Anywhere among them, as UUIDs of version 4 do: each is written to another page of an index.
    Random,
}

impl Keys {
    /// A new key.
    pub(crate) fn next(self) -> MetadataValue<Ascii> {
        let (process, count) = (u64::from(std::process::id()), COUNT.fetch_add(1, Ordering::Relaxed));
        let head = match self {
            Keys::Rising => process,
            Keys::Random => scattered(count ^ process << 40),
        };
        let key = Uuid::from_u64_pair(head, count).to_string();
        key.parse().expect("a UUID is ASCII")
    }
}

/// A number that says nothing of where the one before was: the last step of splitmix64.
fn scattered(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ() {
        assert_ne!(Keys::Rising.next(), Keys::Rising.next());
        assert_ne!(Keys::Random.next(), Keys::Random.next());
    }

    #[test]
    fn only_rising_keys_rise() {
        let is_rising = |keys: Keys| {
            let made: Vec<_> = (0..50).map(|_| keys.next().to_str().unwrap().to_owned()).collect();
            made.is_sorted()
        };
        assert!(is_rising(Keys::Rising) && !is_rising(Keys::Random));
    }
}
