//! A short run of the kill test, against the digota that is built beside this test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program under test, as cargo built it.
const FAULTS: &str = env!("CARGO_BIN_EXE_digota-faults");

/// Builds the digota of the same profile, so that no old one is tried.
fn digota() -> PathBuf {
    let path = Path::new(FAULTS).with_file_name("digota");
    let is_release = path.parent().and_then(Path::file_name).is_some_and(|name| name == "release");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "digota"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if is_release {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "digota can't be built");
    path
}

#[test]
fn nothing_is_lost_or_doubled_when_the_server_is_killed_under_payers() {
    play(&["--kills", "5", "--payers", "8", "--seed", "7"]);
}

#[test]
fn nothing_is_lost_or_doubled_when_nodes_that_share_a_database_are_killed() {
    if let Err(missing) = digota_servers::POSTGRES.folder() {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("{missing}");
        return;
    }
    play(&["--storage", "postgresql", "--nodes", "4", "--kills", "8", "--payers", "8", "--seed", "7"]);
}

fn play(words: &[&str]) {
    let mut run = Command::new(FAULTS);
    run.arg("kill").args(words).arg("--bin").arg(digota());
    let output = run.output().expect("it can be run");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("no violations"), "{text}");
    eprintln!("{text}");
}
