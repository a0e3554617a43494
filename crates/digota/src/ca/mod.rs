//! Certificates made here: the authority, the folder that keeps its files, and `digota ca`.

mod authority;
mod command;
mod folder;
mod kept;
mod listing;
mod revoke;
mod writing;

pub(crate) use authority::Validity;
#[cfg(test)]
pub(crate) use authority::{Authority, Issued};
pub(crate) use command::Command;
pub(crate) use folder::Folder;
