//! What a run prints, and the line that it leaves behind.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use digota_oracle::Violation;
use digota_oracle::rules::SECRETS;
use serde_json::Value;

/// Where runs leave their lines.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/proving");

/// The most violations that are printed.
pub(crate) const PRINTED_MAX: usize = 40;

/// Prints every field of a line of numbers, one a row.
pub(crate) fn table(line: &Value) {
    for (name, value) in line.as_object().into_iter().flatten() {
        println!("  {:<24} {value:>10}", name.replace('_', " "));
    }
}

/// Appends a line to a file of target/proving, with the commit that was tried.
pub(crate) fn keep(file: &str, mut line: Value) -> Result<()> {
    line["commit"] = commit().into();
    create_dir_all(FOLDER)?;
    let mut file = OpenOptions::new().create(true).append(true).open(Path::new(FOLDER).join(file))?;
    Ok(writeln!(file, "{line}")?)
}

/// Fails where something must never be, after naming it; the evidence stays behind only then.
pub(crate) fn sentence(violations: &[Violation], folder: &Path, seed: u64) -> Result<()> {
    if violations.is_empty() {
        eprintln!("no violations");
        return Ok(std::fs::remove_dir_all(folder)?);
    }
    for violation in violations.iter().take(PRINTED_MAX) {
        eprintln!("VIOLATION  {violation}");
    }
    bail!("{} violations, seed {seed}; the evidence is in {}", violations.len(), folder.display())
}

/// Every file of a run that holds one of these texts: a card's number must not reach a disk.
pub(crate) fn leaks(folder: &Path, secrets: &[&str]) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for secret in secrets {
            if bytes.windows(secret.len()).any(|piece| piece == secret.as_bytes()) {
                let how = format!("it holds a card's number that ends in {}", &secret[secret.len() - 4..]);
                found.push(Violation { rule: SECRETS, about: path.display().to_string(), how });
            }
        }
    }
    Ok(found)
}

/// What servers say in their logs that is a fault of their own: a client need not have heard of it.
pub(crate) fn faults_logged(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let is_fault = |line: &&str| {
            let level = |level| line.contains(&format!("\"level\":\"{level}\""));
            level("ERROR") || level("WARN") && (line.contains("Broken(") || line.contains("Internal {"))
        };
        found.extend(text.lines().filter(is_fault).map(|line| format!("{}: {line}", path.display())));
    }
    Ok(found)
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(FOLDER).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|commit| !commit.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
