//! Books of a real shop are sound, and every kind of fault planted in them is named by its rule.

#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

mod busy;
mod planted;
mod shop;
mod sound;
