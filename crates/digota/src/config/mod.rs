//! The settings: what there is to set, where each value came from, and what is wrong with them.
//!
//! `settings` declares them, each once, with its type, default and description. `sources` layers defaults,
//! file and environment; `check` says what the types can't; `explain` prints the result, `describe` what there is to set.
//! `line` says which line of the file would set what; `edit` takes clients out of it.

mod check;
mod describe;
mod document;
mod edit;
mod environment;
mod explain;
mod file;
mod key;
mod line;
mod listen;
mod nearest;
mod problem;
mod secret;
mod settings;
mod sources;

#[cfg(test)]
mod tests;

pub(crate) use describe::describe;
pub(crate) use edit::{Cut, without};
pub(crate) use key::Kind;
pub(crate) use line::Line;
pub(crate) use listen::Listen;
pub(crate) use nearest::nearest;
pub(crate) use problem::{Problem, Problems};
pub(crate) use settings::{Account, Calls, ClientEntry, Format, Level, Limits, Log, Settings, Stop, Toggle};
pub(crate) use sources::{Loaded, Origin, Sources};
