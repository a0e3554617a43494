//! Fakes of the ports, for fast tests. Each passes the conformance suite of its port.

pub mod chance;
pub mod clock;
pub mod gateway;
pub mod lock;
pub mod store;
