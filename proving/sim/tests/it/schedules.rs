//! Schedules that failed once, each in a file that is named after what must be true.

use std::path::{Path, PathBuf};

use digota_sim::judge::play_and_judge;
use digota_sim::plan::Plan;
use libtest_mimic::{Failed, Trial};

/// Where they are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schedules");

pub(crate) fn trials() -> Vec<Trial> {
    let files = Path::new(FOLDER).read_dir().expect("the schedules are there");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a folder can be read").path()).collect();
    paths.sort();
    let trial = |path: PathBuf| {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Trial::test(format!("schedules::{name}"), move || replay(&path))
    };
    paths.into_iter().map(trial).collect()
}

fn replay(path: &Path) -> Result<(), Failed> {
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let verdict = play_and_judge(&plan, false);
    match verdict.violations.first() {
        None => Ok(()),
        Some(breach) => {
            Err(format!("{breach}; see what happens: digota-sim replay {}", path.display()).into())
        }
    }
}
