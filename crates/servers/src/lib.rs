//! Real servers for tests: found on this machine or installed, started on a free port in a folder of their own, stopped at
//! the end whatever becomes of the test.

mod find;
mod postgres;
mod process;
mod redis;

pub use find::{ALL, POSTGRES, Program, REDIS};
pub use postgres::Postgres;
pub use redis::Redis;
