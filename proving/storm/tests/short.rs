//! Short runs of the storm and of the overload, against the digota that is built beside this test. They judge what was refused,
//! answered and left behind, never how long it took: that depends on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program under test, as cargo built it.
const STORM: &str = env!("CARGO_BIN_EXE_digota-storm");

/// Builds the digota of the same profile, so that no old one is tried.
fn digota() -> PathBuf {
    let path = Path::new(STORM).with_file_name("digota");
    let is_release = path.parent().and_then(Path::file_name).is_some_and(|name| name == "release");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "digota"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if is_release {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "digota can't be built");
    path
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(STORM).args(arguments).arg("--bin").arg(digota()).output().expect("it runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// Timeouts that are met sooner than by default.
const HASTY: &str = "limits.first_call_timeout_ms = 6000\nlimits.request_timeout_ms = 5000\nlimits.reply_timeout_ms = 8000\n\
                     limits.ping_interval_ms = 5000";

#[test]
fn attacks_are_turned_away_leave_nothing_behind_and_fail_no_honest_call() {
    let text = run(&[
        "attack",
        "--at-once",
        "--rounds",
        "1",
        "--divide",
        "20",
        "--seconds",
        "20",
        "--counts-only",
        "--settings",
        HASTY,
    ]);
    assert!(text.contains("nothing is left of it"), "{text}");
}

#[test]
fn in_an_overload_calls_are_served_or_refused_and_nothing_else() {
    let text = run(&[
        "overload",
        "--counts-only",
        "--seconds",
        "2",
        "--times",
        "5",
        "--orders",
        "200",
        "--at-once",
        "3",
        "--settings",
        "limits.in_flight_max = 4\nlimits.in_flight_reserve = 1",
    ]);
    assert!(text.contains("it bent, and did not break"), "{text}");
}
