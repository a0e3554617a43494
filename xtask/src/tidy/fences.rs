//! Who may depend on what. Cargo refuses circles; which arrows and libraries are meant, this table says.

use toml::{Table, Value};

use super::Finding;
use crate::repo::{File, Tree};

/// Our crates, each with those of ours that it may depend on. Every crate of the workspace stands here.
const ARROWS: &[(&str, &[&str])] = &[
    ("digota-core", &[]),
    ("digota-proto", &[]),
    ("digota-grpc", &["digota-core", "digota-proto"]),
    ("digota-storage", &["digota-core", "digota-heap", "digota-vfs"]),
    ("digota-lock", &["digota-core"]),
    ("digota-gateway", &["digota-core"]),
    ("digota-verify", &["digota-core"]),
    ("digota-conformance", &["digota-core"]),
    ("digota-servers", &[]),
    ("digota-heap", &[]),
    ("digota-vfs", &[]),
    (
        "digota",
        &[
            "digota-core",
            "digota-proto",
            "digota-grpc",
            "digota-storage",
            "digota-lock",
            "digota-gateway",
            "digota-verify",
            "digota-heap",
        ],
    ),
    ("digota-load", &["digota-proto"]),
    ("digota-oracle", &["digota-core", "digota-verify"]),
    ("digota-planted", &["digota-core", "digota-oracle"]),
    ("digota-model", &["digota-core", "digota-oracle", "digota-planted"]),
    ("digota-faults", &["digota-proto", "digota-oracle", "digota-servers"]),
    ("digota-storm", &["digota-proto", "digota-load"]),
    ("digota-sim", &["digota-core", "digota-proto", "digota-grpc", "digota-oracle"]),
    ("xtask", &["digota-servers"]),
];

/// Libraries, each with the crates that may use them. A library stands for its family: `tonic` for `tonic-health` too.
const LIBRARIES: &[(&str, &[&str])] = &[
    (
        "tonic",
        &[
            "digota-proto",
            "digota-grpc",
            "digota",
            "digota-load",
            "digota-faults",
            "digota-storm",
            "digota-sim",
        ],
    ),
    // The judge of faults reads the database with its own eyes.
    ("rusqlite", &["digota-storage", "digota-vfs", "digota-faults"]),
    ("tokio-postgres", &["digota-storage"]),
    ("redis", &["digota-lock"]),
    ("reqwest", &["digota-gateway"]),
    ("axum", &["digota-gateway", "digota"]),
];

/// What the shop must never know, whatever else may.
const UNKNOWN_TO_CORE: &[&str] =
    &["tonic", "tokio", "rusqlite", "tokio-postgres", "reqwest", "axum", "rustls"];

/// Looks at `[dependencies]` only: tests may reach across.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let ours = ["crates/", "proving/", "xtask/"];
    let manifests = tree.files.iter().filter(|file| {
        file.path.ends_with("/Cargo.toml") && ours.iter().any(|folder| file.path.starts_with(folder))
    });
    manifests.flat_map(|file| broken(file, tree)).collect()
}

fn broken(manifest: &File, tree: &Tree) -> Vec<Finding> {
    let Ok(table) = manifest.text.parse::<Table>() else {
        return vec![Finding::new(&manifest.path, 1, "not a manifest that can be read; mend its TOML")];
    };
    let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    let name = name.unwrap_or_default();
    let Some((_, arrows)) = ARROWS.iter().find(|(krate, _)| *krate == name) else {
        let text =
            format!("`{name}` is not in the table of crates; add it to ARROWS in xtask/src/tidy/fences.rs");
        return vec![Finding::new(&manifest.path, 1, text)];
    };
    let dependencies = table.get("dependencies").and_then(Value::as_table).cloned().unwrap_or_default();
    let mut findings = vec![];
    for (key, value) in &dependencies {
        if let Some(text) = objection(name, arrows, &package_name(key, value, tree)) {
            findings.push(Finding::new(&manifest.path, line_of(manifest, key), text));
        }
    }
    findings
}

/// Why the crate may not have this dependency, if it may not.
fn objection(name: &str, arrows: &[&str], dependency: &str) -> Option<String> {
    if dependency.starts_with("digota-") || dependency == "digota" || dependency == "xtask" {
        let text = format!(
            "{name} may not depend on {dependency}; move what is shared inward, or call it from outside"
        );
        return (!arrows.contains(&dependency)).then_some(text);
    }
    if name == "digota-core" && UNKNOWN_TO_CORE.iter().any(|library| is_of(dependency, library)) {
        return Some(format!("the shop must not know {dependency}; say what it needs as a port"));
    }
    let (_, users) = LIBRARIES.iter().find(|(library, _)| is_of(dependency, library))?;
    let text = format!("{dependency} is for {} only; do this there", users.join(", "));
    (!users.contains(&name)).then_some(text)
}

fn is_of(dependency: &str, library: &str) -> bool {
    dependency.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The package behind a dependency's key: renamed here, renamed in the workspace's table, or the key itself.
fn package_name(key: &str, value: &Value, tree: &Tree) -> String {
    let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_owned);
    let in_workspace = || {
        let root = tree.file("Cargo.toml")?.text.parse::<Table>().ok()?;
        renamed(root.get("workspace")?.get("dependencies")?.get(key)?)
    };
    renamed(value).or_else(in_workspace).unwrap_or_else(|| key.to_owned())
}

fn line_of(manifest: &File, key: &str) -> usize {
    let mut lines = manifest.lines().skip_while(|(_, line)| line.trim() != "[dependencies]");
    lines.find(|(_, line)| line.starts_with(key)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, dependencies: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"{name}\"\n\n[dependencies]\n{dependencies}\n");
        let root = "[workspace.dependencies]\nwire = { package = \"tonic\", version = \"1\" }\n";
        let tree = Tree::of(&[("crates/a/Cargo.toml", &text), ("Cargo.toml", root)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_library_outside_its_fence_is_found() {
        let found = findings("digota-lock", "serde = \"1\"\ntonic = \"1\"");
        assert_eq!(
            found,
            [
                "crates/a/Cargo.toml:6: tonic is for digota-proto, digota-grpc, digota, digota-load, digota-faults, digota-storm, digota-sim only; do this there"
            ]
        );
        assert_eq!(findings("digota-grpc", "rusqlite.workspace = true").len(), 1);
        assert_eq!(findings("digota", "reqwest.workspace = true\nrusqlite.workspace = true").len(), 2);
        assert_eq!(findings("digota-storage", "tonic-health = \"1\"").len(), 1);
    }

    #[test]
    fn a_renamed_library_is_seen_through() {
        assert_eq!(findings("digota-lock", "rpc = { package = \"tonic\", version = \"1\" }").len(), 1);
        assert_eq!(findings("digota-lock", "wire.workspace = true").len(), 1);
    }

    #[test]
    fn the_shop_knows_no_runtime_and_no_driver() {
        for library in UNKNOWN_TO_CORE {
            assert_eq!(findings("digota-core", &format!("{library} = \"1\"")).len(), 1, "{library}");
        }
        assert_eq!(findings("digota-core", "tokio-util = \"1\"").len(), 1);
        assert!(findings("digota-core", "serde = \"1\"\nuuid = \"1\"").is_empty());
    }

    #[test]
    fn an_arrow_that_is_not_meant_is_found() {
        assert_eq!(findings("digota-core", "digota-proto.workspace = true").len(), 1);
        assert_eq!(findings("digota-grpc", "digota-storage.workspace = true").len(), 1);
        assert_eq!(findings("digota", "digota-conformance.workspace = true").len(), 1);
        assert_eq!(findings("digota-load", "digota-core.workspace = true").len(), 1);
        assert!(findings("digota", "digota-storage.workspace = true").is_empty());
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_found() {
        assert_eq!(findings("digota-new", "").len(), 1);
    }

    #[test]
    fn tests_may_reach_across() {
        assert!(
            findings("digota-storage", "\n[dev-dependencies]\ndigota-conformance.workspace = true")
                .is_empty()
        );
    }
}
