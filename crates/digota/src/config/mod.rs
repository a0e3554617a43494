//! The settings: what there is to set, where each value came from, and what is wrong with them.
//!
//! `settings` declares them, each once, with its type, default and description. `sources` layers defaults,
//! file and environment; `check` says what the types can't; `explain` prints the result; `edit` takes clients out of a file.

mod check;
mod document;
mod edit;
mod environment;
mod explain;
mod file;
mod key;
mod listen;
mod nearest;
mod problem;
mod secret;
mod settings;
mod sources;

#[cfg(test)]
mod tests;

pub(crate) use edit::{Cut, without};
pub(crate) use listen::Listen;
pub(crate) use problem::Problems;
pub(crate) use settings::{Account, Calls, ClientEntry, Format, Level, Limits, Log, Settings, Stop};
pub(crate) use sources::{Loaded, Origin, Sources};
