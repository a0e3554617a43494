//! Reads what test binaries and scripts print, and cargo around them.

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A test binary starts: the path of its executable.
    Starts(&'a str),
    /// The examples in a crate's documentation start.
    StartsDocs(&'a str),
    /// A test failed.
    Failed(&'a str),
    /// A test was left out, perhaps with a reason.
    Ignored(&'a str, &'a str),
    /// A binary's sum.
    Sum { passed: u64, failed: u64, ignored: u64 },
    /// Anything else.
    Other,
}

/// Understands a line of `cargo test`'s output, without its end.
pub(super) fn read(line: &str) -> Line<'_> {
    starts(line).or_else(|| sum(line)).or_else(|| single(line)).unwrap_or(Line::Other)
}

fn starts(line: &str) -> Option<Line<'_>> {
    let words = line.trim_start();
    if words.len() == line.len() {
        return None;
    }
    if let Some(krate) = words.strip_prefix("Doc-tests ") {
        return Some(Line::StartsDocs(krate));
    }
    let (_, executable) = words.strip_prefix("Running ")?.split_once(" (")?;
    executable.strip_suffix(')').map(Line::Starts)
}

fn sum(line: &str) -> Option<Line<'_>> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let part = counts.split("; ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse().ok()
    };
    Some(Line::Sum { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
}

/// Understands the line that ends a script's output, as it ends ours: `7 passed, 1 failed, 1 skipped`.
pub(super) fn account(line: &str) -> Option<Line<'_>> {
    let mut parts = line.split(", ");
    let mut count = |what: &str| parts.next()?.strip_suffix(what)?.trim().parse().ok();
    Some(Line::Sum { passed: count("passed")?, failed: count("failed")?, ignored: count("skipped")? })
}

fn single(line: &str) -> Option<Line<'_>> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    if verdict.starts_with("FAILED") {
        return Some(Line::Failed(name));
    }
    let reason = verdict.strip_prefix("ignored")?;
    Some(Line::Ignored(name, reason.trim_start_matches([',', ' '])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_starts_is_seen() {
        let line = "     Running unittests src/lib.rs (target/debug/deps/digota_core-12ab)";
        assert_eq!(read(line), Line::Starts("target/debug/deps/digota_core-12ab"));
        assert_eq!(read("   Doc-tests digota_core"), Line::StartsDocs("digota_core"));
        assert_eq!(read("Running away (from it all)"), Line::Other);
    }

    #[test]
    fn a_sum_is_counted() {
        let good =
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(read(good), Line::Sum { passed: 3, failed: 0, ignored: 1 });
        let bad = "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(read(bad), Line::Sum { passed: 12, failed: 2, ignored: 0 });
    }

    #[test]
    fn a_script_s_account_is_counted() {
        let sum = Line::Sum { passed: 7, failed: 1, ignored: 2 };
        assert_eq!(account("7 passed, 1 failed, 2 skipped"), Some(sum));
        assert_eq!(account("7 passed, 1 failed"), None);
        assert_eq!(account("6 protos compile, twice"), None);
    }

    #[test]
    fn failed_and_ignored_tests_are_named() {
        assert_eq!(
            read("test store::sqlite::offsets_skip ... FAILED"),
            Line::Failed("store::sqlite::offsets_skip")
        );
        assert_eq!(
            read("test store::redis ... ignored, no server"),
            Line::Ignored("store::redis", "no server")
        );
        assert_eq!(read("test store::redis ... ignored"), Line::Ignored("store::redis", ""));
        assert_eq!(read("test money::sums ... ok"), Line::Other);
    }
}
