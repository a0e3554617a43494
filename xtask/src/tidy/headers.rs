//! Every Rust file opens with one line that says what it is.

use super::Finding;
use crate::repo::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let headless = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first
            .strip_prefix("//! ")
            .is_none_or(|words| words.trim().is_empty() || words.trim() == "placeholder")
    };
    let files = tree.files.iter().filter(|file| file.is("rs") && headless(&file.text));
    files
        .map(|file| {
            Finding::new(&file.path, 1, "no header; open the file with a `//!` line that says what it is")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headless(text: &str) -> bool {
        !check(&Tree::of(&[("crates/a/src/lib.rs", text)])).is_empty()
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert!(headless("use std::fmt;\n"));
        assert!(headless("// Money.\n"));
        assert!(headless("\n//! Money.\n"));
        assert!(headless("//!\n"));
        assert!(headless("//! placeholder\n"));
        assert!(headless(""));
    }

    #[test]
    fn a_file_with_a_header_passes() {
        assert!(!headless("//! Money in minor units.\n\nuse std::fmt;\n"));
    }
}
