//! Which servers there are, where they usually lie, and how to get them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A server that tests can start.
#[derive(Debug)]
pub struct Program {
    /// What people call it.
    pub name: &'static str,
    /// Programs that must lie together.
    programs: &'static [&'static str],
    /// Folders beside PATH; a `*` stands for any name, the greatest number first.
    folders: &'static [&'static str],
    /// The Debian package that brings it.
    package: &'static str,
}

/// PostgreSQL 15 or later.
pub const POSTGRES: Program = Program {
    name: "PostgreSQL",
    programs: &["postgres", "initdb", "psql", "pg_isready"],
    folders: &["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"],
    package: "postgresql",
};

/// Redis 6 or later.
pub const REDIS: Program = Program {
    name: "Redis",
    programs: &["redis-server", "redis-cli"],
    folders: &["/usr/local/bin", "/opt/homebrew/bin"],
    package: "redis-server",
};

/// All of them.
pub const ALL: &[&Program] = &[&POSTGRES, &REDIS];

impl Program {
    /// The folder of its programs.
    ///
    /// # Errors
    /// Says what is missing and how to get it.
    pub fn folder(&self) -> Result<PathBuf, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = self.folders.iter().flat_map(|pattern| expand(pattern));
        let mut folders = std::env::split_paths(&path).chain(usual);
        let is_whole = |folder: &PathBuf| self.programs.iter().all(|program| folder.join(program).is_file());
        folders.find(is_whole).ok_or_else(|| {
            format!(
                "{} is not on this machine ({}): on Debian, apt-get install {}",
                self.name,
                self.programs.join(", "),
                self.package
            )
        })
    }

    /// The folder of its programs, which are installed if they are missing and that is allowed: as root, with apt-get.
    ///
    /// # Errors
    /// Says what is missing and how to get it.
    pub fn provide(&self) -> Result<PathBuf, String> {
        self.folder().or_else(|missing| match install(self.package) {
            true => self.folder(),
            false => Err(missing),
        })
    }
}

/// The folders that a pattern with one `*` stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((start, end)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (folder, prefix) = start.rsplit_once('/').unwrap_or(("", start));
    let names = std::fs::read_dir(Path::new(folder)).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.iter().rev().map(|number| PathBuf::from(format!("{start}{number}{end}"))).collect()
}

/// Debian starts a server of its own when the package is installed; that one is none of ours and is not touched.
fn install(package: &str) -> bool {
    let is_root = output("id", &["-u"]).is_some_and(|id| id == "0");
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        let done = command.args(words).env("DEBIAN_FRONTEND", "noninteractive").status();
        done.is_ok_and(|status| status.success())
    };
    is_root && apt(&["update", "-qq"]) && apt(&["install", "-y", "-qq", "--no-install-recommends", package])
}

/// What a program prints, if it goes well.
pub(crate) fn output(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_version_is_looked_at_first() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["9", "15", "17", "common"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder can be made");
        }
        let found = expand(&format!("{}/*/bin", folder.path().display()));
        let expected = ["17/bin", "15/bin", "9/bin"].map(|name| folder.path().join(name));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let nowhere =
            Program { name: "Oracle", programs: &["no-such-program"], folders: &[], package: "oracle" };
        let missing = nowhere.folder().expect_err("it is nowhere");
        assert!(missing.contains("Oracle") && missing.contains("apt-get install oracle"), "{missing}");
    }
}
