//! A file that grows past a few pages holds a second idea.

use super::Finding;
use crate::repo::{File, Tree};

/// The most lines of a source file.
const LINES: usize = 500;
/// The most lines of a file of tests, or of one that a tool wrote.
const LINES_TESTS: usize = 800;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let source = tree.files.iter().filter(|file| file.is("rs") || file.is("py"));
    source.filter_map(long).collect()
}

fn long(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let limit = if is_lenient(file) { LINES_TESTS } else { LINES };
    let text = format!("{lines} lines, {limit} at most; ask which second idea moved in, and give it a file");
    (lines > limit).then(|| Finding::new(&file.path, lines, text))
}

fn is_lenient(file: &File) -> bool {
    let test =
        file.path.contains("/tests/") || file.path.ends_with("/tests.rs") || file.path.ends_with("_test.py");
    test || file.lines().take(3).any(|(_, line)| line.contains("@generated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_long(path: &str, lines: usize, first: &str) -> bool {
        let text = format!("{first}\n{}", "x\n".repeat(lines - 1));
        !check(&Tree::of(&[(path, &text)])).is_empty()
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(is_long("crates/core/src/shop.rs", 501, "//! The shop."));
        assert!(!is_long("crates/core/src/shop.rs", 500, "//! The shop."));
    }

    #[test]
    fn tests_and_generated_files_may_be_longer_but_not_endless() {
        assert!(!is_long("crates/core/tests/it/pay.rs", 800, "//! Paying."));
        assert!(is_long("crates/core/tests/it/pay.rs", 801, "//! Paying."));
        assert!(!is_long("crates/proto/src/codes.rs", 700, "//! Codes. @generated"));
    }
}
