//! Adapters of the lock port: a folder and a name in the list for each.

pub mod memory;

pub use memory::MemoryLock;

/// The adapters, as the configuration names them.
pub const ADAPTERS: &[&str] = &["memory"];
