//! What the shop needs from outside. Each MUST on a port has a conformance case of that name.

pub mod clock;
pub mod gateway;
pub mod lock;
pub mod store;

pub use clock::{Clock, Ids};
pub use gateway::Gateway;
pub use lock::Lock;
pub use store::Store;
