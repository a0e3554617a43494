//! Every MUST on a port has a conformance case of its name, and every case has its MUST.

use std::collections::BTreeMap;

use super::Finding;
use crate::repo::{File, Tree};

const PORTS: &str = "crates/core/src/port/";
const CASES: &str = "crates/conformance/src/";

/// A promise or a case: of which port, by which name.
type Key = (String, String);
/// Where it stands.
type Place = (String, usize);

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (promises, mut findings) = promises(tree);
    let cases = cases(tree);
    for ((port, name), (path, line)) in &promises {
        let key = (port.clone(), name.clone());
        if !has_function(tree, port, name) {
            let text = format!("`{name}` has no case; write `async fn {name}` in {CASES}{port}");
            findings.push(Finding::new(path, *line, text));
        } else if !cases.contains_key(&key) {
            let text =
                format!("the case of `{name}` never runs; put it into the `cases!` list of {CASES}{port}");
            findings.push(Finding::new(path, *line, text));
        }
    }
    for ((port, name), (path, line)) in &cases {
        if !promises.contains_key(&(port.clone(), name.clone())) {
            let text =
                format!("no MUST named `{name}` on the port; write it in {PORTS}{port}.rs, or drop the case");
            findings.push(Finding::new(path, *line, text));
        }
    }
    findings
}

/// The promises of every port, and the items that look like one but lack their MUST.
fn promises(tree: &Tree) -> (BTreeMap<Key, Place>, Vec<Finding>) {
    let (mut promises, mut findings) = (BTreeMap::new(), vec![]);
    for file in of_folder(tree, PORTS) {
        for (number, name, text) in items(file) {
            if text.contains("MUST") {
                promises.insert((stem(&file.path, PORTS), name), (file.path.clone(), number));
            } else {
                let text = format!("`{name}` says no MUST; say what MUST hold, or write it as prose");
                findings.push(Finding::new(&file.path, number, text));
            }
        }
    }
    (promises, findings)
}

/// The items of the form ``- `name`: text`` in the doc comments, with the lines that belong to each.
fn items(file: &File) -> Vec<(usize, String, String)> {
    let mut items: Vec<(usize, String, String)> = vec![];
    let mut open = false;
    for (number, line) in file.lines() {
        let Some(doc) = line.trim_start().strip_prefix("///") else {
            open = false;
            continue;
        };
        let item = doc.trim_start().strip_prefix("- `").and_then(|rest| rest.split_once("`: "));
        match item {
            Some((name, text)) if is_name(name) => {
                items.push((number, name.to_owned(), text.to_owned()));
                open = true;
            }
            _ if doc.starts_with("   ") && open => {
                if let Some((_, _, text)) = items.last_mut() {
                    text.push_str(doc);
                }
            }
            _ => open = false,
        }
    }
    items
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The names in the `cases!` lists.
fn cases(tree: &Tree) -> BTreeMap<Key, Place> {
    let mut cases = BTreeMap::new();
    for file in of_folder(tree, CASES) {
        let code: Vec<&str> =
            file.text.split('\n').map(|line| line.split("//").next().unwrap_or_default()).collect();
        let code = code.join("\n");
        for (at, mark) in code.match_indices("cases!") {
            let start = at + mark.len();
            for (offset, name) in listed(&code[start..]) {
                let line = code[..start + offset].matches('\n').count() + 1;
                cases.insert((stem(&file.path, CASES), name), (file.path.clone(), line));
            }
        }
    }
    cases
}

/// The names between the first `;` and the delimiter that ends the list, with their offsets.
fn listed(list: &str) -> Vec<(usize, String)> {
    let Some(start) = list.find(';').map(|at| at + 1) else { return vec![] };
    let end = list[start..].find([')', '}', ']']).map_or(list.len(), |length| start + length);
    let mut names = vec![];
    let mut offset = start;
    for part in list[start..end].split(',') {
        let lead = part.len() - part.trim_start().len();
        if is_name(part.trim()) {
            names.push((offset + lead, part.trim().to_owned()));
        }
        offset += part.len() + 1;
    }
    names
}

fn has_function(tree: &Tree, port: &str, name: &str) -> bool {
    let start = format!("fn {name}(");
    of_folder(tree, CASES)
        .filter(|file| stem(&file.path, CASES) == port)
        .any(|file| file.text.contains(&start))
}

fn of_folder<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = &'a File> {
    tree.files.iter().filter(move |file| file.is("rs") && file.path.starts_with(folder))
}

/// The port that a file below `folder` is about: `store` of both `store.rs` and `store/lists.rs`.
fn stem(path: &str, folder: &str) -> String {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    rest.split(['/', '.']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: &str = "//! A lock.\n\n/// Grants leases.\n///\n/// - `waiting_ends`: an acquire that waited\n///   MUST end.\n\
                        /// - `fences_rise`: each grant MUST carry a higher fence.\npub trait Lock {}\n";
    const CASE: &str = "//! Cases.\ncrate::cases!(Bed;\n    waiting_ends, // in time\n    fences_rise,\n);\n\
                        async fn waiting_ends(bed: Bed) {}\nasync fn fences_rise(bed: Bed) {}\n";

    fn findings(port: &str, cases: &str) -> Vec<String> {
        let tree =
            Tree::of(&[("crates/core/src/port/lock.rs", port), ("crates/conformance/src/lock.rs", cases)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn promises_with_their_cases_pass() {
        assert_eq!(findings(PORT, CASE), [] as [String; 0]);
    }

    #[test]
    fn a_promise_without_a_case_is_found() {
        let without = "//! Cases.\ncrate::cases!(Bed; fences_rise);\nasync fn fences_rise(bed: Bed) {}\n";
        let found = findings(PORT, without);
        assert_eq!(
            found,
            ["crates/core/src/port/lock.rs:5: `waiting_ends` has no case; \
              write `async fn waiting_ends` in crates/conformance/src/lock"]
        );
    }

    #[test]
    fn a_case_that_never_runs_is_found() {
        let unlisted = CASE.replace("    fences_rise,\n", "");
        assert!(findings(PORT, &unlisted)[0].contains("`fences_rise` never runs"));
        let commented = CASE.replace("    fences_rise,", "    // fences_rise,");
        assert!(findings(PORT, &commented)[0].contains("`fences_rise` never runs"));
    }

    #[test]
    fn a_case_without_a_promise_is_found() {
        let port = PORT.replace("`fences_rise`", "`fences_fall`");
        let found = findings(&port, CASE);
        assert_eq!(found.len(), 2);
        assert!(found[1].starts_with("crates/conformance/src/lock.rs:4: no MUST named `fences_rise`"));
    }

    #[test]
    fn an_item_that_demands_nothing_is_found() {
        let port = PORT.replace("MUST end", "ends");
        assert!(findings(&port, CASE)[0].contains("`waiting_ends` says no MUST"));
    }

    #[test]
    fn a_case_of_another_port_does_not_count() {
        let tree =
            Tree::of(&[("crates/core/src/port/lock.rs", PORT), ("crates/conformance/src/store/a.rs", CASE)]);
        assert_eq!(check(&tree).len(), 4);
    }
}
