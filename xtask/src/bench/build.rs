//! The programs that a measurement takes.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::repo;

/// The executables.
pub(super) struct Programs {
    /// The server.
    pub(super) digota: PathBuf,
    /// The load generator, which is the bare server too.
    pub(super) load: PathBuf,
}

impl Programs {
    /// Builds both with the same profile.
    pub(super) fn build(profile: &str) -> Result<Self> {
        println!("building with the profile {profile}");
        let mut cargo = repo::cargo();
        cargo.args(["build", "--profile", profile, "--package", "digota", "--package", "digota-load"]);
        if !cargo.status()?.success() {
            bail!("the server and the load generator do not build");
        }
        let folder = repo::target().join(profile);
        Ok(Self { digota: folder.join("digota"), load: folder.join("digota-load") })
    }
}
