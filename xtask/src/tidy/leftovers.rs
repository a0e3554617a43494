//! Unfinished work does not ship: no `todo!`, no debug print, no marker that asks for attention later.

use super::Finding;
use crate::repo::Tree;

const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];
const MARKERS: &[&str] = &["FIXME", "XXX"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for file in tree.files.iter().filter(|file| file.path.starts_with("crates/")) {
        for (number, line) in file.lines() {
            for word in MACROS.iter().filter(|word| file.is("rs") && holds(line, word)) {
                let text = format!("`{word}` is left over; write what belongs here, or take it out");
                findings.push(Finding::new(&file.path, number, text));
            }
            for word in MARKERS.iter().filter(|word| holds(line, word)) {
                let text = format!("{word} is left over; settle it now, or file an issue and take it out");
                findings.push(Finding::new(&file.path, number, text));
            }
        }
    }
    findings
}

/// Whether the word stands in the line by itself, not as a part of another.
fn holds(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && (word.ends_with('!') || !after.is_some_and(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn each_leftover_is_found() {
        let text = "todo!()\nlet x = dbg!(y);\nunimplemented!(\"later\")\n// FIXME: odd\n// XXX\n";
        assert_eq!(count("crates/core/src/a.rs", text), 5);
    }

    #[test]
    fn longer_words_and_other_folders_pass() {
        assert_eq!(count("crates/core/src/a.rs", "let MAXXXL = my_todo!();"), 0);
        assert_eq!(count("xtask/src/a.rs", "todo!()"), 0);
        assert_eq!(count("crates/core/README.md", "there is no `todo!` in our code"), 0);
    }
}
