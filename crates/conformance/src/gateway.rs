//! The gateway port's promises.
