//! How much the edge takes on.

use std::time::Duration;

/// Bounds on what clients may keep busy. All of them refuse at once; nothing waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Short calls worked on at once.
    pub in_flight_max: usize,
    /// Further short calls, for clients that have few under way: nobody can use up everything.
    pub in_flight_reserve: usize,
    /// Calls that go on until their caller ends them, such as Watch.
    pub streams_max: usize,
    /// The same, of one client.
    pub streams_per_client_max: usize,
    /// Connections of one client.
    pub connections_per_client_max: usize,
    /// The largest request that is read, in bytes.
    pub request_bytes_max: usize,
    /// How long a request may take to arrive.
    pub request_time: Duration,
    /// How long a read may take; a caller's own deadline may be sooner.
    pub read_time: Duration,
    /// How often one client may do what costs most.
    pub rates: Rates,
}

/// Calls a second of one client, in the long run; a second's worth may come at once. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// New products, SKUs and orders.
    pub create: u32,
    /// Payments.
    pub pay: u32,
    /// Refunds and returns.
    pub refund: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight_max: 256,
            in_flight_reserve: 64,
            streams_max: 1024,
            streams_per_client_max: 128,
            connections_per_client_max: 64,
            request_bytes_max: 256 * 1024,
            request_time: Duration::from_secs(10),
            read_time: Duration::from_secs(10),
            rates: Rates::default(),
        }
    }
}
