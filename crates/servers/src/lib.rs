//! Real servers for tests and measurements: found on this machine or installed, started on a free port in a folder of their
//! own, stopped at the end whatever becomes of the test. And lines to them that break on purpose.

mod find;
mod line;
mod postgres;
mod process;
mod redis;

pub use find::{ALL, POSTGRES, Program, REDIS};
pub use line::{Fault, Line, Way};
pub use postgres::Postgres;
pub use redis::Redis;
