//! The use cases on fakes: what happens in every order, with every fault, judged by the gateway's own record and the store.

#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

mod world;

mod captures;
mod challenge;
mod faults;
mod janitor;
mod joining;
mod keys;
mod paying;
mod refunds;
mod returns;
mod stock;
mod unknown;
