//! Shops that are broken on purpose: whoever judges shops must name each fault.
//!
//! - [`bugs`]: ten real mistakes, each a few lines around a port of the shop. The shop itself is the one that ships.
//! - [`workload`]: small, repeatable pieces of business with the faults that bring such mistakes out.
//! - [`world`]: a shop on fakes, of several nodes. [`node`]: what can be done to one of them. [`client`], [`holder`]: who buys,
//!   or has money held, and notes it.
#![allow(clippy::unwrap_used, reason = "a proof stops where it stands")]

pub mod bugs;
pub mod client;
pub mod holder;
pub mod node;
pub mod workload;
pub mod world;

pub use bugs::Bug;
pub use workload::Workload;
pub use world::World;
