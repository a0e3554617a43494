//! The lock port's promises.
