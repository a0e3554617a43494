//! The shop: what is sold, what can be done with it, and what it needs from outside.
//!
//! Nothing here does I/O, reads a clock or draws a random number: all of that comes through [`port`]s, so that a
//! simulation can own it. Read in this order:
//!
//! 1. [`money`], [`id`], [`time`]: the values.
//! 2. [`product`], [`sku`], [`order`], [`payment`], [`stock`]: the nouns and their rules.
//! 3. [`port`]: the store, the lock, the gateway, the clock and the source of ids.
//! 4. [`shop`]: the use cases, one method per rpc.
//! 5. [`access`] and [`error`]: who may do what, and what a caller can do about a failure. [`meter`]: what is counted.

pub mod access;
mod blank;
pub mod currency;
pub mod error;
pub mod event;
pub mod id;
pub mod meter;
pub mod money;
pub mod order;
pub mod page;
pub mod payment;
pub mod port;
pub mod product;
pub mod shop;
pub mod sku;
pub mod stock;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod time;

pub use error::{Error, Result};
