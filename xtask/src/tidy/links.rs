//! A link in a Markdown file to something in the repository leads somewhere.

use super::Finding;
use crate::repo::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for file in tree.files.iter().filter(|file| file.is("md")) {
        for (number, target) in targets(file) {
            let path = resolve(&file.path, &target);
            if !path.is_empty() && !tree.paths.contains(&path) {
                let text = format!("link to `{target}`: there is no {path}; mend the link");
                findings.push(Finding::new(&file.path, number, text));
            }
        }
    }
    findings
}

/// Where the file's links to other files lead, as written, without the anchor.
fn targets(file: &File) -> Vec<(usize, String)> {
    let mut found = vec![];
    let mut fenced = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(in_line(&without_code(line)).map(|target| (number, target)));
        }
    }
    found
}

fn in_line(line: &str) -> impl Iterator<Item = String> {
    let inline = line.match_indices("](").filter_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        rest.find(')').map(|end| rest[..end].to_owned())
    });
    let definition =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, to)| to.to_owned());
    let all: Vec<String> = inline.chain(definition).collect();
    all.into_iter().filter_map(|target| {
        let target = target.split_whitespace().next()?.trim_matches(['<', '>']).to_owned();
        let outside = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
        (!outside).then(|| target.split('#').next().unwrap_or_default().to_owned())
    })
}

/// The line with what stands between backticks taken out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The path from the root that a link in the file at `from` means; empty for the root itself.
fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("LICENSE", "")]);
        check(&tree).into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        assert_eq!(broken("see [c](c.md)\n"), ["link to `c.md`: there is no docs/c.md; mend the link"]);
        assert_eq!(broken("[one](b.md) and [two](../gone/x.rs)\n").len(), 1);
        assert_eq!(broken("[c]: c.md\n").len(), 1);
        assert_eq!(broken("![picture](/docs/p.png)\n").len(), 1);
    }

    #[test]
    fn good_links_and_code_pass() {
        assert!(broken("[b](b.md#part), [licence](../LICENSE), [root](..), [here](#top)\n").is_empty());
        assert!(broken("[site](https://example.com/x) [mail](mailto:a@b.c)\n").is_empty());
        assert!(broken("```\n[x](nowhere)\n```\nand `[x](nowhere)` too\n").is_empty());
    }
}
