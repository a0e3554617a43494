//! A server's days.

mod configuring;
mod stopping;
mod telling;
