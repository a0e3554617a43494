//! The store port's promises.
