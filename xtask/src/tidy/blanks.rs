//! No tabs, no blanks at the end of a line.

use super::Finding;
use crate::repo::Tree;

const HELD: &[&str] = &["rs", "md", "toml", "proto"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for file in tree.files.iter().filter(|file| HELD.iter().any(|end| file.is(end))) {
        for (number, line) in file.lines() {
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(Finding::new(&file.path, number, "a blank at the end of the line; delete it"));
            }
            if line.contains('\t') {
                findings.push(Finding::new(&file.path, number, "a tab; use spaces, or \\t in a string"));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            let last = file.text.lines().count();
            findings.push(Finding::new(&file.path, last, "no newline at the end of the file; add one"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn stray_blanks_are_found() {
        assert_eq!(count("a.rs", "fn a() {} \n"), 1);
        assert_eq!(count("a.md", "one\r\n"), 1);
        assert_eq!(count("a.proto", "\tstring id = 1;\n"), 1);
        assert_eq!(count("a.toml", "x = 1"), 1);
    }

    #[test]
    fn clean_files_and_other_kinds_pass() {
        assert_eq!(count("a.rs", "fn a() {\n    b();\n}\n"), 0);
        assert_eq!(count("a.py", "x = 1 \n"), 0);
    }
}
