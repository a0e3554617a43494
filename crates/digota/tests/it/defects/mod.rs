//! Defects of digota 0.1 that are not inherited, by their number in the wire contract.

mod catalogue;
mod orders;
mod payments;
mod together;
