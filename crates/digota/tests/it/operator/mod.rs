//! What an operator does: looks after payments, backs up, restores, verifies, migrates.

mod admin;
mod backups;
mod migrating;
mod monitoring;
mod settling;
mod verifying;
