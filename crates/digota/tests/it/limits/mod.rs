//! What keeps the server up whatever comes in: limits on requests, calls, connections, and on stopping.

mod calls;
mod connections;
mod early;
mod wire;
