//! The use cases on fakes: what happens in every order, with every fault, judged by the gateway's own record and the store.

#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]
#![allow(clippy::print_stdout, reason = "a failing test says what led to it")]

mod world;

mod captures;
mod cascade;
mod challenge;
mod desk;
mod faults;
mod interleaving;
mod janitor;
mod joining;
mod keys;
mod late;
mod locked;
mod model;
mod paying;
mod random;
mod refunds;
mod returns;
mod stock;
mod unknown;
