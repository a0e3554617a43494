//! A lease on a name, with a fence that only rises.
//!
//! A lock makes nodes wait politely instead of colliding at the store. Nothing is wrong without it: the shop's truth is
//! the version checked by the store in the commit itself.

use std::time::Duration;

use async_trait::async_trait;

/// Grants leases on names.
///
/// - `a_second_holder_waits`: while a lease is held, another acquire of the same name MUST wait.
/// - `different_names_do_not_wait`: leases on different names MUST NOT wait for each other.
/// - `waiting_ends`: an acquire that waited `wait` MUST end with [`LockError::Busy`], not much later.
/// - `releasing_wakes_the_next`: a release MUST let the next waiter in at once.
/// - `dropping_releases`: a lease that is dropped MUST be released.
/// - `waiters_are_served_in_order`: waiters MUST be let in in the order in which they came, where `fair` is true.
/// - `a_waiter_that_gives_up_is_skipped`: an acquire that was dropped or timed out MUST NOT be granted the lease.
/// - `fences_rise`: each grant of a name MUST carry a higher fence than every earlier one.
/// - `an_expired_lease_is_lost`: a lease not renewed within its time to live MUST pass to the next waiter, and
///   [`Lease::is_held`] of the old one MUST be false from then on.
/// - `a_late_release_harms_nobody`: releasing an expired lease MUST NOT touch the lease of the new holder.
/// - `many_waiters_all_get_their_turn`: a thousand waiters on a name MUST each be let in once.
/// - `names_are_forgotten`: a name that nobody holds or waits for MUST NOT take up space.
#[async_trait]
pub trait Lock: Send + Sync {
    /// Waits at most `wait` for the lease on `name`.
    ///
    /// # Errors
    /// [`LockError::Busy`] when the wait is over, [`LockError::Unavailable`] when the lock service does not answer.
    async fn acquire(&self, name: &str, wait: Duration) -> Result<Box<dyn Lease>, LockError>;

    /// Whether waiters are let in strictly in order.
    fn fair(&self) -> bool {
        true
    }

    /// Names held or waited for now, where the adapter can tell.
    fn names(&self) -> Option<usize> {
        None
    }
}

/// A lease that is held. Dropping it releases it.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Higher than the fence of every earlier lease on the name.
    fn fence(&self) -> u64;

    /// Whether the lease is still ours, as far as we can tell. Never a substitute for the version check of a commit.
    fn is_held(&self) -> bool;

    /// Gives the lease back and returns when that is done; does nothing if it was lost.
    async fn release(self: Box<Self>);
}

/// Why there is no lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Somebody else held it for the whole wait.
    #[error("the lock is held by another")]
    Busy,
    /// The lock service can't be reached; the text is for the operator.
    #[error("the lock service is unavailable: {0}")]
    Unavailable(String),
}
