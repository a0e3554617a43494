//! Clients in another language: Python scripts in an environment of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::tally::{Row, Tally};
use crate::repo;

/// What the scripts need.
const REQUIREMENTS: &str = "scripts/python/requirements.txt";
/// Where it is installed.
const ENVIRONMENT: &str = "target/python-venv";

/// Runs the scripts; each counts as one test, and passes by ending with 0. They find the server's executable in the
/// environment variable `DIGOTA_BIN`.
pub(super) fn run(scripts: &[&str], server: Option<&Path>, tally: &mut Tally) -> Result<()> {
    println!("preparing {ENVIRONMENT}");
    match prepare() {
        Ok(python) => scripts.iter().try_for_each(|script| {
            tally.add(run_script(&python, script, server)?);
            Ok(())
        }),
        Err(reason) => {
            println!("ignored: {reason}");
            scripts.iter().for_each(|script| tally.add(left_out(script, &reason)));
            Ok(())
        }
    }
}

/// Without Python a person's machine may go on; the machine that judges for everybody may not.
fn left_out(script: &str, reason: &str) -> Row {
    let judges = std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty());
    if judges { Row::failed(script, reason) } else { Row::ignored(script, reason) }
}

fn run_script(python: &Path, script: &str, server: Option<&Path>) -> Result<Row> {
    let root = repo::root();
    if !root.join(script).is_file() {
        return Ok(Row::failed(script, "there is no such file"));
    }
    println!("running {script}");
    let start = Instant::now();
    let mut command = Command::new(python);
    command.arg("-B").arg(script).current_dir(&root);
    if let Some(server) = server {
        command.env("DIGOTA_BIN", server);
    }
    let status = command.status()?;
    let mut row = Row::new(script);
    if status.success() {
        row.passed = 1;
    } else {
        row.fail(&format!("ended with {status}"));
    }
    row.time = start.elapsed();
    println!("test {script} ... {}", if status.success() { "ok" } else { "FAILED" });
    Ok(row)
}

/// Makes the environment unless it is there and holds what is required now. Returns its Python, or why there is none.
fn prepare() -> Result<PathBuf, String> {
    let root = repo::root();
    let folder = root.join(ENVIRONMENT);
    let python = folder.join("bin/python");
    let required =
        fs::read_to_string(root.join(REQUIREMENTS)).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == required) {
        return Ok(python);
    }
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "python3 -m venv")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
    succeed(pip.current_dir(&root), "pip install")?;
    fs::write(&installed, required).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}

fn succeed(command: &mut Command, name: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name} does not start: {error}")),
    }
}
