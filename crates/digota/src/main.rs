//! The digota server and its command line.
#![allow(dead_code, unused_imports)]

mod ca;
mod config;
mod logging;
mod tls;

fn main() {}
