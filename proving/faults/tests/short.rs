//! Short runs of the kill test and of a rolling restart, against the digota that is built beside this test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use digota_conformance::Trial;
use digota_servers::POSTGRES;

/// The program under test, as cargo built it.
const FAULTS: &str = env!("CARGO_BIN_EXE_digota-faults");

fn main() {
    let embedded =
        vec![trial("kill::nothing_is_lost_or_doubled_when_the_server_is_killed_under_payers", || {
            play("kill", &["--kills", "5", "--payers", "8"])
        })];
    let shared = vec![
        trial("kill::nothing_is_lost_or_doubled_when_nodes_that_share_a_database_are_killed", || {
            play("kill", &["--storage", "postgresql", "--nodes", "4", "--kills", "8", "--payers", "8"]);
        }),
        trial("rolling::no_payer_sees_more_of_a_rolling_restart_than_connections_that_end", || {
            let older = digota().display().to_string();
            play("rolling", &["--older", &older, "--nodes", "2", "--payers", "8", "--seconds", "1"]);
        }),
    ];
    let mut all = embedded;
    all.extend(digota_conformance::without(shared, POSTGRES.folder().err()));
    digota_conformance::run(all);
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// Builds the digota of the same profile, so that no old one is tried.
fn digota() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let path = Path::new(FAULTS).with_file_name("digota");
        let is_release = path.parent().and_then(Path::file_name).is_some_and(|name| name == "release");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "digota"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if is_release {
            build.arg("--release");
        }
        assert!(build.status().is_ok_and(|status| status.success()), "digota can't be built");
        path
    })
}

/// One run at a time: each is many processes. Where they get no further than their start, on a machine that has others to
/// serve, a run proves nothing and another one is played.
fn play(harness: &str, words: &[&str]) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut said = String::new();
    for seed in ["7", "8", "9"] {
        let mut run = Command::new(FAULTS);
        run.arg(harness).args(words).args(["--seed", seed, "--bin"]).arg(digota());
        let output = run.output().expect("it can be run");
        said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no violations"), "{said}");
        if !said.contains("the run proves nothing") {
            assert!(output.status.success(), "{said}");
            return;
        }
    }
    panic!("{said}");
}
