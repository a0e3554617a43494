//! The folder in which a measurement takes place: certificates, settings, databases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::build::Programs;
use super::database::Database;
use crate::repo;

/// A folder of its own below `target`: on a real disk, where a commit costs what it costs. Removed in the end.
pub(super) struct Stage {
    folder: PathBuf,
    /// The lines of the settings that name the certificates and admit the load generator.
    door: String,
}

/// The load generator's name in the whitelist.
const CLIENT: &str = "load";

impl Stage {
    /// Makes the folder, a CA, a certificate for the servers and one for the load generator.
    pub(super) fn set(programs: &Programs) -> Result<Self> {
        let folder = repo::root().join(format!("target/bench/stage-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut stage = Self { folder, door: String::new() };
        let certificates = stage.certificates();
        let init = ca(programs, &certificates, &["init"])?;
        let issue = ca(programs, &certificates, &["issue", CLIENT, "--scope", "WILDCARD"])?;
        stage.door = format!("{}\n{}", settings_in(&init), settings_in(&issue));
        Ok(stage)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn certificates(&self) -> PathBuf {
        self.path("certificates")
    }

    /// Arguments of `digota-load` that name the certificates of one end.
    pub(super) fn tls(&self, end: End) -> [PathBuf; 6] {
        let folder = self.certificates();
        let name = if end == End::Server { "server" } else { CLIENT };
        let (crt, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        ["--ca".into(), folder.join("ca.crt"), "--cert".into(), crt, "--key".into(), key]
    }

    /// Writes the settings of a server; returns their file.
    pub(super) fn settings(
        &self,
        port: u16,
        monitor: u16,
        gateway_ms: u32,
        database: &Database<'_>,
    ) -> Result<PathBuf> {
        let storage = database.setting();
        let text = format!(
            "address = \"127.0.0.1:{port}\"\n\
             {storage}\n\
             # The load keeps its full concurrency under way, and a finished call may overlap with the next for a moment.\n\
             limits = {{ in_flight_max = 1024 }}\n\
             monitor = {{ address = \"127.0.0.1:{monitor}\" }}\n\n\
             [[payment]]\nprovider = \"sandbox\"\ndelay_ms = {gateway_ms}\n\n{}",
            self.door
        );
        let file = self.path(&format!("digota-{port}.toml"));
        fs::write(&file, text).with_context(|| file.display().to_string())?;
        Ok(file)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("can't remove {}: {error}", self.folder.display());
        }
    }
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Server,
    Client,
}

fn ca(programs: &Programs, folder: &Path, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(&programs.digota).arg("ca").args(arguments).arg("--dir").arg(folder).output()?;
    if !output.status.success() {
        bail!("digota ca {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The settings among what `digota ca` prints: from the first section to the next remark.
fn settings_in(printed: &str) -> String {
    let from = printed.lines().skip_while(|line| !line.starts_with('['));
    let settings = from.take_while(|line| line.starts_with('[') || line.contains(" = "));
    settings.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_picked_out_of_what_is_printed() {
        let printed = "made a CA\n\nlines for digota.toml:\n\n[tls]\nkey = \"a\"\ncrt = \"b\"\n\nnext: digota ca issue\n";
        assert_eq!(settings_in(printed), "[tls]\nkey = \"a\"\ncrt = \"b\"\n");
        assert_eq!(settings_in("nothing\n"), "");
    }
}
