//! What the command line says about itself.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{digota, run};

/// The commands below these words, as their help lists them.
fn commands(words: &[&str]) -> Vec<String> {
    let (good, text) = run(digota(&[words, &["--help"]].concat()));
    assert!(good, "{text}");
    let Some((_, rest)) = text.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_explains_itself() {
    let top = commands(&[]);
    assert!(top.len() >= 8, "{top:?}");
    for command in &top {
        let (good, text) = run(digota(&[command, "--help"]));
        assert!(
            good && text.contains("Usage: digota") && text.contains("Options of every command:"),
            "{text}"
        );
        // What a command does comes first, and never twice the same for two commands.
        assert!(text.lines().next().unwrap().len() > 20, "{command}: {text}");
        for below in commands(&[command]) {
            let (good, text) = run(digota(&[command, &below, "--help"]));
            assert!(good && text.lines().next().unwrap().len() > 20, "{command} {below}: {text}");
        }
    }
}

#[test]
fn a_slip_in_a_command_names_the_right_one() {
    let (good, text) = run(digota(&["docter"]));
    assert!(!good && text.contains("doctor"), "{text}");
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (good, script) = run(digota(&["completions", shell]));
        assert!(good, "{script}");
        for word in ["doctor", "completions", "issue", "describe", "client"] {
            assert!(script.contains(word), "{shell} knows nothing of {word}");
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("digota.bash");
    fs::write(&path, run(digota(&["completions", "bash"])).1).unwrap();
    let line = format!(
        ". {} && COMP_WORDS=(digota do) COMP_CWORD=1 && _digota digota do digota && echo \"${{COMPREPLY[@]}}\"",
        path.display()
    );
    let (good, text) = run({
        let mut command = Command::new("bash");
        command.args(["-c", &line]);
        command
    });
    assert!(good && text.trim() == "doctor", "{text}");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let (good, page) = run(digota(&["man"]));
    assert!(good && page.contains(".TH digota 1") && page.contains("digota ca init"), "{page}");
    let folder = TempDir::new().unwrap();
    let mut command = digota(&["man", "--dir", "pages/man1"]);
    command.current_dir(folder.path());
    let (good, text) = run(command);
    assert!(good, "{text}");
    for top in commands(&[]) {
        let page = folder.path().join(format!("pages/man1/digota-{top}.1"));
        assert!(page.exists(), "no {}", page.display());
        for below in commands(&[&top]) {
            let page = folder.path().join(format!("pages/man1/digota-{top}-{below}.1"));
            assert!(page.exists(), "no {}", page.display());
        }
    }
}
