//! The programs that a measurement takes.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::repo;

/// The executables.
pub(crate) struct Programs {
    /// The server.
    pub(crate) digota: PathBuf,
    /// The load generator, which is the bare server too.
    pub(crate) load: PathBuf,
}

impl Programs {
    /// Builds both with the same profile; with a server that there is, only the load generator.
    pub(crate) fn build(profile: &str, digota: Option<&Path>) -> Result<Self> {
        if let Some(missing) = digota.filter(|path| !path.is_file()) {
            bail!("there is no server at {}; cargo xtask dist builds one", missing.display());
        }
        println!("building with the profile {profile}");
        let mut cargo = repo::cargo();
        cargo.args(["build", "--profile", profile, "--package", "digota-load"]);
        if digota.is_none() {
            cargo.args(["--package", "digota"]);
        }
        if !cargo.status()?.success() {
            bail!("the server and the load generator do not build");
        }
        let folder = repo::target().join(profile);
        let digota = digota.map_or_else(|| folder.join("digota"), Path::to_owned);
        Ok(Self { digota, load: folder.join("digota-load") })
    }
}
