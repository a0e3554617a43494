//! Certificates made here: the authority, the folder that keeps its files, and `digota ca`.

mod authority;
mod command;
mod folder;
mod listing;

pub(crate) use authority::Validity;
pub(crate) use command::Command;
pub(crate) use folder::Folder;
