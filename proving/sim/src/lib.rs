//! The shop in a world of one thread: real core, real edge, everything else simulated, and a seed that decides all of it.
//!
//! Read in this order:
//!
//! 1. [`plan`]: what people do and what goes wrong, drawn from a seed.
//! 2. [`world`]: time, processes, luck.
//! 3. [`stage`], [`outside`], [`node`]: what nodes share, how they reach it, and a node.
//! 4. [`people`]: who calls.
//! 5. [`run`]: one schedule from its beginning to rest. [`judge`]: whether that was right.
//! 6. [`shrink`], [`report`]: many of them.

pub mod judge;
pub mod node;
pub mod outside;
pub mod people;
pub mod plan;
pub mod report;
pub mod run;
pub mod shrink;
pub mod stage;
pub mod world;
