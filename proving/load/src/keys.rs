//! Idempotency keys that no other call of this machine has used.

use std::sync::atomic::{AtomicU64, Ordering};

use tonic::metadata::{Ascii, MetadataValue};
use uuid::Uuid;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A new key. It has the form of a UUID, as a client's keys have.
pub(crate) fn next() -> MetadataValue<Ascii> {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let key = Uuid::from_u64_pair(u64::from(std::process::id()), count).to_string();
    key.parse().expect("a UUID is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ() {
        assert_ne!(next(), next());
    }
}
