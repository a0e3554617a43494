//! What the checks say, for people and for programs.

use std::io::{self, Write};

use serde_json::json;

use super::finding::{Check, Finding, Fix, Level, count};

/// Columns before the text.
const MARGIN: usize = 20;

/// A line per check, and a paragraph per finding.
pub(super) fn text(checks: &[Check], out: &mut impl Write) -> io::Result<()> {
    for check in checks {
        if let Some(why) = &check.skipped {
            line(out, check.name, "skipped", why)?;
        } else if check.findings.is_empty() {
            line(out, check.name, "ok", &check.seen)?;
        }
        for finding in &check.findings {
            self::finding(out, check.name, finding)?;
        }
    }
    let (errors, warnings) = (count(checks, Level::Error), count(checks, Level::Warning));
    match (errors, warnings) {
        (0, 0) => writeln!(out, "\nall is well"),
        _ => writeln!(
            out,
            "\nwrong: {errors}, warnings: {warnings}. Mend the first one, and run this again: line numbers move."
        ),
    }
}

fn line(out: &mut impl Write, name: &str, state: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{name:<11}{state:<9}{text}")
}

fn finding(out: &mut impl Write, name: &str, finding: &Finding) -> io::Result<()> {
    let state = match finding.level {
        Level::Error => "WRONG",
        Level::Warning => "warning",
    };
    let is_named = finding.what.starts_with(&finding.about);
    let about = if is_named { String::new() } else { format!("{}: ", finding.about) };
    line(out, name, state, &format!("{about}{}", finding.what))?;
    let margin = " ".repeat(MARGIN);
    if !finding.why.is_empty() {
        writeln!(out, "{margin}why: {}", finding.why)?;
    }
    for fix in &finding.fix {
        writeln!(out, "{margin}fix: {}", said(fix))?;
    }
    Ok(())
}

fn said(fix: &Fix) -> String {
    match fix {
        Fix::Run(command) => format!("run `{command}`"),
        Fix::Line(line) if line.replaces => {
            format!("in {}, let line {} read `{}`", line.file.display(), line.number, line.text)
        }
        Fix::Line(line) => {
            format!("in {}, add as line {} `{}`", line.file.display(), line.number, line.text)
        }
        Fix::Variable { name, value } => format!("set the variable {name}={value}"),
        Fix::Rename { from, to } => format!("rename the variable {from} to {to}"),
        Fix::Unset(name) => format!("unset the variable {name}"),
        Fix::Do(what) => what.clone(),
    }
}

/// One document with everything.
pub(super) fn json(checks: &[Check], out: &mut impl Write) -> io::Result<()> {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({
                "check": check.name,
                "seen": check.seen,
                "skipped": check.skipped,
                "findings": check.findings,
            })
        })
        .collect();
    let document = json!({ "version": env!("CARGO_PKG_VERSION"), "checks": checks });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
