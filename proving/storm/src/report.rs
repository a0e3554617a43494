//! What a run prints, and the line that it leaves behind.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

/// Where runs leave their lines.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/proving");

/// Prints what was seen of one thing on one line.
pub(crate) fn row(name: &str, seen: &Value) {
    let fields = seen.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let fields: Vec<String> =
        fields.map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
    println!("{name:<10} {}", fields.join(", "));
}

/// Appends a line to a file of target/proving, with the commit that was tried.
pub(crate) fn keep(file: &str, mut line: Value) -> Result<()> {
    line["commit"] = commit().into();
    create_dir_all(FOLDER)?;
    let mut file = OpenOptions::new().create(true).append(true).open(Path::new(FOLDER).join(file))?;
    Ok(writeln!(file, "{line}")?)
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(FOLDER).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|commit| !commit.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
