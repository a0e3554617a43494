//! The door tried with real handshakes on loopback, and with files that are wrong.

mod files;
mod handshakes;
mod silence;
mod stage;
