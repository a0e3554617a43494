//! The programs that try to break the shop.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::parts;
use crate::repo;

/// The executables.
pub(super) struct Programs {
    /// Kills the server.
    pub(super) faults: PathBuf,
    /// Explores states.
    pub(super) model: PathBuf,
    /// Plays seeds, where it is there.
    pub(super) sim: Option<PathBuf>,
}

impl Programs {
    /// Builds them, the server beside them.
    pub(super) fn build(profile: &str) -> Result<Programs> {
        println!("building, which does not count");
        let mut packages = vec!["digota", "digota-faults", "digota-model"];
        let has_sim = repo::root().join("proving/sim/Cargo.toml").exists();
        if has_sim {
            packages.push("digota-sim");
        }
        let mut cargo = repo::cargo();
        cargo.args(["build", "--profile", profile]);
        for package in packages {
            cargo.args(["--package", package]);
        }
        let planted = ("digota-planted", "planted", "");
        let tests = parts::MODELLED.iter().chain([&planted]).map(|(package, test, _)| {
            let mut tests = repo::cargo();
            tests.args(["test", "--no-run", "--quiet", "--package", package, "--test", test]);
            tests
        });
        for mut command in std::iter::once(cargo).chain(tests) {
            if !command.status()?.success() {
                bail!("what tries to break the shop does not build");
            }
        }
        let folder = repo::target().join(if profile == "dev" { "debug" } else { profile });
        let sim = has_sim.then(|| folder.join("digota-sim"));
        Ok(Programs { faults: folder.join("digota-faults"), model: folder.join("digota-model"), sim })
    }
}
