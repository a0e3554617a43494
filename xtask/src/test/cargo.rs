//! The Rust workspace's tests, binary by binary.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::libtest::{self, Line};
use super::tally::{Row, Tally};
use crate::repo;

/// Builds and runs the tests. Returns the server that was built with them, if one was.
pub(super) fn run(fast: bool, tally: &mut Tally) -> Result<Option<PathBuf>> {
    let Some(built) = build(fast)? else {
        tally.add(Row::failed("cargo build", "the workspace does not build; see the errors above"));
        return Ok(None);
    };
    test(fast, &built, tally)?;
    Ok(built.server)
}

/// The command that builds and runs tests.
fn cargo_test(fast: bool) -> Command {
    let mut command = repo::cargo();
    command.args(["test", "--workspace", "--color=never", "--no-fail-fast"]);
    if fast {
        command.args(["--lib", "--bins"]);
    }
    command
}

/// What was built.
#[derive(Default)]
struct Built {
    /// The names of the suites, by their executables' file names.
    suites: BTreeMap<String, String>,
    /// The server's executable.
    server: Option<PathBuf>,
}

/// A line of cargo's account of a build, as far as it matters here.
#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

fn build(fast: bool) -> Result<Option<Built>> {
    println!("building the tests");
    let mut command = cargo_test(fast);
    command.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let mut child = command.stdout(Stdio::piped()).spawn().context("can't run cargo")?;
    let output = BufReader::new(child.stdout.take().context("cargo has no output")?);
    let mut built = Built::default();
    for line in output.lines() {
        if let Ok(artifact) = serde_json::from_str::<Artifact>(&line?) {
            built.add(artifact);
        }
    }
    Ok(child.wait()?.success().then_some(built))
}

impl Built {
    fn add(&mut self, artifact: Artifact) {
        let Some(executable) = artifact.executable else { return };
        let Artifact { package_id, target, profile, .. } = artifact;
        if profile.test {
            let package = package_name(&package_id);
            let unit = target.kind.iter().any(|kind| kind == "lib" || kind == "bin");
            let part = if unit { "unit" } else { target.name.as_str() };
            self.suites
                .insert(file_name(&executable.to_string_lossy()).to_owned(), format!("{package} {part}"));
        } else if target.name == "digota" {
            self.server = Some(executable);
        }
    }

    /// The name of the suite of an executable.
    fn suite(&self, executable: &str) -> String {
        let name = file_name(executable);
        self.suites.get(name).map_or(name, String::as_str).to_owned()
    }
}

/// `digota-core` of `path+file:///work/crates/core#digota-core@0.2.0` or of `path+file:///work/digota-core#0.2.0`.
fn package_name(id: &str) -> &str {
    let (path, end) = id.split_once('#').unwrap_or((id, ""));
    end.split_once('@').map_or_else(|| file_name(path), |(name, _)| name)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Runs what was built, passes on what it prints, and counts.
fn test(fast: bool, built: &Built, tally: &mut Tally) -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    // One pipe for both streams keeps cargo's headings before the lines of the tests that they announce.
    let mut command = cargo_test(fast);
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("can't run cargo")?;
    // The command holds the pipe's other end: with it open the reader would never see the end.
    drop(command);

    let mut count = Count { built, current: None, rows: vec![] };
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        count.line(&line);
    }
    count.end_suite();
    let status = child.wait()?;
    if !status.success() && count.rows.iter().all(|row| row.failed == 0) {
        count.rows.push(Row::failed("cargo test", &format!("ended with {status}")));
    }
    count.rows.into_iter().for_each(|row| tally.add(row));
    Ok(())
}

/// Counts along while the tests run.
struct Count<'a> {
    built: &'a Built,
    current: Option<Suite>,
    rows: Vec<Row>,
}

struct Suite {
    row: Row,
    start: Instant,
    /// Whether it printed its sum. A binary that dies in the middle does not.
    summed: bool,
}

impl Count<'_> {
    fn line(&mut self, line: &str) {
        match libtest::read(line) {
            Line::Starts(executable) => self.start_suite(self.built.suite(executable)),
            Line::StartsDocs(krate) => self.start_suite(format!("{} examples", krate.replace('_', "-"))),
            said => {
                if let Some(suite) = &mut self.current {
                    suite.row.hear(&said);
                    suite.summed |= matches!(said, Line::Sum { .. });
                }
            }
        }
    }

    fn start_suite(&mut self, name: String) {
        self.end_suite();
        self.current = Some(Suite { row: Row::new(&name), start: Instant::now(), summed: false });
    }

    fn end_suite(&mut self) {
        let Some(mut suite) = self.current.take() else { return };
        if !suite.summed {
            suite.row.fail("ended without saying what passed");
        }
        suite.row.time = suite.start.elapsed();
        self.rows.push(suite.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(output: &str) -> Vec<Row> {
        let mut built = Built::default();
        built.suites.insert("it-12".to_owned(), "digota it".to_owned());
        let mut count = Count { built: &built, current: None, rows: vec![] };
        output.lines().for_each(|line| count.line(line));
        count.end_suite();
        count.rows.into_iter().map(|row| Row { time: std::time::Duration::ZERO, ..row }).collect()
    }

    #[test]
    fn each_binary_gets_its_row() {
        let rows = rows(
            "     Running tests/it/main.rs (target/debug/deps/it-12)\n\
             test pay ... FAILED\n\
             test redis ... ignored, no server\n\
             test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured\n   \
                Doc-tests digota_core\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n",
        );
        let notes = vec!["failed: pay".to_owned(), "ignored: redis: no server".to_owned()];
        let first = Row { passed: 3, failed: 1, ignored: 1, notes, ..Row::new("digota it") };
        assert_eq!(rows, [first, Row { passed: 3, ..Row::new("digota-core examples") }]);
    }

    #[test]
    fn a_binary_that_dies_in_the_middle_has_failed() {
        let rows = rows("     Running tests/it/main.rs (target/debug/deps/it-12)\ntest pay ... ok\n");
        assert_eq!(rows, [Row::failed("digota it", "ended without saying what passed")]);
    }

    #[test]
    fn packages_are_named_in_both_spellings_of_their_id() {
        assert_eq!(package_name("path+file:///work/crates/core#digota-core@0.2.0"), "digota-core");
        assert_eq!(package_name("path+file:///work/xtask#0.2.0"), "xtask");
    }
}
