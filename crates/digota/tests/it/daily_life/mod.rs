//! A server's days.

mod configuring;
mod helping;
mod stopping;
mod telling;
