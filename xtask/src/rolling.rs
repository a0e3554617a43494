//! `cargo xtask rolling`: builds an earlier digota beside this one, and has this one take over from it without a stop.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::repo;

/// From where, and how.
#[derive(Args)]
pub(crate) struct Options {
    /// The commit, branch or tag of the earlier digota.
    #[arg(long, value_name = "REV")]
    from: String,
    /// How both are built.
    #[arg(long, default_value = "dev")]
    profile: String,
    /// What else `digota-faults rolling` is told, such as `-- --nodes 5 --seed 1`.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Builds both and restarts. Whether nothing was found.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let folder = repo::target().join(if options.profile == "dev" { "debug" } else { &options.profile });
    let older = earlier(options, &folder)?;
    build(&repo::root(), &repo::target(), &options.profile, &["digota", "digota-faults"])?;
    let mut faults = Command::new(folder.join("digota-faults"));
    faults.arg("rolling").arg("--older").arg(older).args(&options.rest);
    Ok(faults.status().context("can't run digota-faults")?.success())
}

/// The earlier digota, built from a worktree of its commit and kept under the commit's name.
fn earlier(options: &Options, folder: &Path) -> Result<PathBuf> {
    let commit = git(&["rev-parse", "--verify", "--short=12", &format!("{}^{{commit}}", options.from)])?;
    let kept = folder.join(format!("digota-{commit}"));
    if kept.exists() {
        return Ok(kept);
    }
    println!("building the digota of {commit}");
    let tree = repo::target().join("rolling/trees").join(&commit);
    let text = tree.display().to_string();
    if !tree.exists() {
        git(&["worktree", "add", "--detach", &text, &commit])?;
    }
    // In a folder of its own: cargo would take crates of two trees for the same, as they lie in the same place of each.
    let apart = repo::target().join("rolling");
    build(&tree, &apart, &options.profile, &["digota"])?;
    let name = folder.file_name().context("a folder has a name")?;
    std::fs::create_dir_all(folder)?;
    std::fs::copy(apart.join(name).join("digota"), &kept).context("the earlier digota can't be kept")?;
    git(&["worktree", "remove", "--force", &text])?;
    Ok(kept)
}

/// Builds packages of a source tree.
fn build(tree: &Path, target: &Path, profile: &str, packages: &[&str]) -> Result<()> {
    let mut cargo = repo::cargo();
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", target).args(["build", "--profile", profile]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    ensure!(cargo.status()?.success(), "{} does not build", tree.display());
    Ok(())
}

fn git(words: &[&str]) -> Result<String> {
    let output =
        Command::new("git").args(words).current_dir(repo::root()).output().context("can't run git")?;
    ensure!(output.status.success(), "git {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
