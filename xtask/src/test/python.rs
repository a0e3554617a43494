//! Clients in another language: Python scripts in an environment of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use super::libtest;
use super::tally::{Row, Tally};
use crate::repo;

/// What the scripts need.
const REQUIREMENTS: &str = "scripts/python/requirements.txt";
/// Where it is installed.
const ENVIRONMENT: &str = "target/python-venv";

/// Runs the scripts. One that ends with a line like ours counts as many tests as that says, any other as one, which
/// passes by ending with 0. They find the server's executable in the
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
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the script has no output")?;
    let mut row = listen(script, BufReader::new(output))?;
    let status = child.wait()?;
    judge(&mut row, status);
    row.time = start.elapsed();
    Ok(row)
}

/// Passes on what a script prints, and takes down what it says about its tests.
fn listen(script: &str, output: impl BufRead) -> Result<Row> {
    let mut row = Row::new(script);
    for line in output.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        match libtest::account(&line) {
            Some(account) => row.hear(&account),
            None => row.hear(&libtest::read(&line)),
        }
    }
    Ok(row)
}

/// What counts in the end is how the script ended.
fn judge(row: &mut Row, status: ExitStatus) {
    if !status.success() && row.failed == 0 {
        row.fail(&format!("ended with {status}"));
    } else if row.passed + row.failed + row.ignored == 0 {
        row.passed = 1;
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn row(output: &str, code: i32) -> Row {
        let mut row = listen("a.py", output.as_bytes()).unwrap();
        judge(&mut row, ExitStatus::from_raw(code << 8));
        row
    }

    #[test]
    fn a_script_that_counts_is_believed() {
        let row = row("test python::pay ... FAILED\n\n3 passed, 1 failed, 0 skipped\n", 1);
        let notes = vec!["failed: python::pay".to_owned()];
        assert_eq!(row, Row { passed: 3, failed: 1, notes, ..Row::new("a.py") });
    }

    #[test]
    fn a_script_that_does_not_count_is_one_test() {
        assert_eq!(row("6 protos compile\n", 0), Row { passed: 1, ..Row::new("a.py") });
        assert_eq!(row("", 1).failed, 1);
    }

    #[test]
    fn a_script_that_ends_badly_has_failed_whatever_it_counts() {
        assert_eq!(row("3 passed, 0 failed, 0 skipped\n", 2).failed, 1);
    }
}
