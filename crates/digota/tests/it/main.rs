//! What digota promises, asked of the real binary through real gRPC over mutual TLS.
//!
//! - [`kept`], [`defects`]: the wire contract's rows, one by one.
//! - [`doors`]: who may enter. [`bad_input`]: what is turned down, and how.
//! - [`payments`], [`idempotency`]: money. [`lists`], [`updates`]: the catalogue. [`events`]: what happened.
//! - [`limits`]: what keeps the server up whatever comes in.
//! - [`daily_life`]: configuration, stopping, crashing, logs. [`doctor`]: what it names, and that its advice works.
//! - [`operator`]: payments by hand, backups, verification.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

mod bad_input;
mod daily_life;
mod defects;
mod doctor;
mod doors;
mod events;
mod harness;
mod idempotency;
mod kept;
mod limits;
mod lists;
mod operator;
mod payments;
mod updates;
