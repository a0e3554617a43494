//! `cargo xtask dist`: the server as it is shipped, laid out by what a rehearsal showed it to be busy with.
//!
//! The compiler can't know that an order is made a million times and a certificate authority once. So it builds a server that
//! counts which way it goes, the server is put under load, and is built again by what was counted. What no rehearsal comes
//! past, such as a gateway over the network, counts as seldom used: it is right all the same, and a little slower.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::bench::{Programs, Storage, rehearse};
use crate::repo;

/// How to build what is shipped.
#[derive(Args)]
pub(crate) struct Options {
    /// How both servers are built; `release` takes less time and gains nearly as much.
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Rehearse only on this storage: the other one counts as seldom used.
    #[arg(long)]
    storage: Option<Storage>,
}

/// Builds, rehearses, builds again, and says where the server lies.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let compiler = Compiler::find()?;
    let folder = repo::target().join("guided");
    let (counts, merged, fresh) =
        (folder.join("counts"), folder.join("counts.profdata"), folder.join("server"));
    // Cargo knows counts by their path and would keep what it built by older ones.
    for left in [&counts, &fresh].into_iter().filter(|left| left.exists()) {
        fs::remove_dir_all(left).with_context(|| left.display().to_string())?;
    }
    println!("1 of 4: building a server that counts what it does");
    let flag = joined("-Cprofile-generate=", &counts);
    let counting = compiler.build(&options.profile, &folder.join("counting"), &flag)?;
    println!("2 of 4: building the load generator");
    let programs = Programs::build("release", Some(&counting))?;
    println!("3 of 4: rehearsing");
    rehearse(&programs, options.storage)?;
    compiler.merge(&counts, &merged)?;
    println!("4 of 4: building the server by what was counted");
    let flag = joined("-Cprofile-use=", &merged);
    let built = compiler.build(&options.profile, &fresh, &flag)?;
    let server = folder.join("digota");
    fs::copy(&built, &server).with_context(|| server.display().to_string())?;
    println!("\nthe server is {}", server.display());
    println!(
        "what it gained: cargo xtask bench --quick --digota {}, and once more without --digota",
        server.display()
    );
    Ok(true)
}

/// The compiler that cargo uses, and what reads its counts.
struct Compiler {
    /// The machine that it builds for, such as `x86_64-unknown-linux-gnu`.
    host: String,
    profdata: PathBuf,
}

impl Compiler {
    /// Looks for all that it takes, before anything is built.
    fn find() -> Result<Self> {
        let said = rustc(&["-vV"])?;
        let host = said
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc does not name its host")?;
        let libraries = PathBuf::from(rustc(&["--print", "target-libdir"])?.trim());
        let profdata = libraries.with_file_name("bin").join("llvm-profdata");
        ensure!(
            profdata.exists(),
            "{} is missing, which reads what a server counted; get it with: rustup component add llvm-tools",
            profdata.display()
        );
        Ok(Self { host: host.to_owned(), profdata })
    }

    /// Builds the server with this flag in a folder of its own; returns it.
    fn build(&self, profile: &str, target: &Path, flag: &OsStr) -> Result<PathBuf> {
        let mut cargo = repo::cargo();
        cargo.args(["build", "--locked", "--profile", profile, "--package", "digota"]);
        // With its target named, cargo keeps the flag from what runs while it builds.
        cargo.args(["--target", &self.host]).env("CARGO_TARGET_DIR", target);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", encoded(std::env::var("RUSTFLAGS").ok().as_deref(), flag));
        ensure!(cargo.status()?.success(), "the server does not build");
        let folder = if profile == "dev" { "debug" } else { profile };
        Ok(target.join(&self.host).join(folder).join("digota"))
    }

    fn merge(&self, counts: &Path, merged: &Path) -> Result<()> {
        let mut merge = Command::new(&self.profdata);
        merge.arg("merge").arg("-o").arg(merged).arg(counts);
        ensure!(merge.status()?.success(), "what the server counted can't be read");
        Ok(())
    }
}

fn rustc(words: &[&str]) -> Result<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(program).args(words).current_dir(repo::root()).output().context("can't run rustc")?;
    ensure!(
        output.status.success(),
        "rustc {}: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn joined(flag: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(flag);
    joined.push(path);
    joined
}

/// The compiler's flags as cargo takes them if they may hold spaces: the user's, and this one.
fn encoded(users: Option<&str>, flag: &OsStr) -> OsString {
    let mut flags = OsString::new();
    for word in users.unwrap_or_default().split_whitespace() {
        flags.push(word);
        flags.push("\x1f");
    }
    flags.push(flag);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_flags_stay_and_a_path_may_have_spaces() {
        let flag = joined("-Cprofile-use=", Path::new("/my shop/counts.profdata"));
        let flags = encoded(Some(" -Ctarget-cpu=native  -g"), &flag);
        assert_eq!(flags, "-Ctarget-cpu=native\x1f-g\x1f-Cprofile-use=/my shop/counts.profdata");
        assert_eq!(encoded(None, &flag), flag);
    }

    #[test]
    fn the_compiler_that_runs_here_names_its_host() {
        let said = rustc(&["-vV"]).expect("it runs");
        assert!(said.contains("\nhost: "), "{said}");
    }
}
