//! A day's evidence from a shop that is right is sound, and every kind of fault planted in it is named by its rule.

#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

mod agreement;
mod case;
mod clients;
mod day;
mod docs;
mod goods;
