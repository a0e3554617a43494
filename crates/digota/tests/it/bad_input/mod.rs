//! Requests that are wrong: turned down with every field that is, and nothing happens.

mod catalogue;
mod ids;
mod money;
mod table;
mod whole;
