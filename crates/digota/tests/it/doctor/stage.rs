//! A server to be, in a folder of its own, that lacks nothing; and somebody who does what the doctor says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Process, Sandbox, run};

/// How many findings may follow from each other.
const ROUNDS: usize = 6;

/// A server to be.
pub(super) struct Stage {
    /// The gateway that it pays with.
    pub(super) sandbox: Sandbox,
    /// Variables that are set for it.
    pub(super) variables: BTreeMap<String, String>,
    /// Words after `digota doctor --json`.
    pub(super) words: Vec<String>,
    /// What a shell does before it starts the doctor.
    pub(super) before: &'static str,
    folder: TempDir,
    user: Option<u32>,
    /// What was started in the background.
    started: Vec<String>,
}

/// One thing that the doctor found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) level: String,
    pub(super) about: String,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) fix: Vec<Value>,
}

impl Stage {
    /// Everything as it should be: certificates, a whitelist of one, a gateway that answers, a free port.
    pub(super) async fn healthy() -> Stage {
        let folder = TempDir::new().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_digota"), bin.join("digota")).unwrap();
        let stage = Stage {
            sandbox: Sandbox::start(&[]).await,
            variables: BTreeMap::new(),
            words: Vec::new(),
            before: "true",
            folder,
            user: None,
            started: Vec::new(),
        };
        stage.install("sudo", "exec \"$@\"");
        stage.sh("digota ca init --dir certs");
        let issued = stage.sh("digota ca issue shop --dir certs --scope READ --scope WRITE");
        let client = issued.split_once("[[clients]]").unwrap().1;
        let text = format!(
            "address = \"127.0.0.1:{}\"\n\n[tls]\nkey = \"certs/server.key\"\ncrt = \"certs/server.crt\"\n\
             cacrt = \"certs/ca.crt\"\n\n[storage]\naddress = \"data/shop.db\"\n\n[[payment]]\nprovider = \"sandbox\"\n\
             address = \"{}\"\n\n[[clients]]{client}",
            free_port(),
            stage.sandbox.url(),
        );
        fs::create_dir(stage.path("data")).unwrap();
        stage.write("digota.toml", &text);
        // Whatever the tests' own umask is.
        stage.set_mode("data", 0o700);
        stage.set_mode("digota.toml", 0o644);
        stage
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    pub(super) fn set_mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Changes the settings file.
    pub(super) fn edit(&self, from: &str, to: &str) {
        let text = self.read("digota.toml");
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.write("digota.toml", &text.replacen(from, to, 1));
    }

    /// Adds a program that the shell finds before all others of its name.
    pub(super) fn install(&self, name: &str, script: &str) {
        let file = format!("bin/{name}");
        self.write(&file, &format!("#!/bin/sh\n{script}\n"));
        self.set_mode(&file, 0o755);
    }

    /// From now on everything is done by somebody who is not allowed everything.
    pub(super) fn as_somebody_else(&mut self) {
        const NOBODY: u32 = 65534;
        if rustix::process::geteuid().is_root() {
            // The binary may be where nobody else can look.
            fs::remove_file(self.path("bin/digota")).unwrap();
            fs::copy(env!("CARGO_BIN_EXE_digota"), self.path("bin/digota")).unwrap();
            give(self.folder.path(), NOBODY);
            self.user = Some(NOBODY);
        }
    }

    /// Runs a line as the operator would, in the folder; it must go well. Returns what it printed.
    pub(super) fn sh(&self, line: &str) -> String {
        let (good, text) = run(self.shell(line));
        assert!(good, "{line}: {text}");
        text
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", self.path("bin").display());
        command.env_clear().env("PATH", path).envs(&self.variables);
        command.args(["-c", line]).current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Whether the doctor lets the server pass, and all that it found.
    pub(super) fn doctor(&self) -> (bool, Vec<Finding>) {
        let line = format!("{} && exec digota doctor --json {}", self.before, self.words.join(" "));
        let output = self.shell(&line).output().unwrap();
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let findings = document["checks"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|check| check["findings"].as_array().unwrap().iter().map(Finding::of));
        (output.status.success(), findings.collect())
    }

    /// What a check saw where nothing is wrong.
    pub(super) fn seen(&self, check: &str) -> String {
        let words = self.words.join(" ");
        let text = self.sh(&format!("digota doctor {words}"));
        text.lines().find(|line| line.starts_with(check)).unwrap().to_owned()
    }

    /// Asserts that there is nothing to say.
    #[track_caller]
    pub(super) fn assert_content(&self) {
        let (good, findings) = self.doctor();
        assert!(good && findings.is_empty(), "{findings:#?}");
    }

    /// Asserts that one thing is found, of this level and about this, and that all that is said of it holds these parts.
    #[track_caller]
    pub(super) fn assert_found(&self, level: &str, about: &str, parts: &[&str]) -> Finding {
        let (good, findings) = self.doctor();
        let found = findings.iter().find(|finding| finding.about == about && finding.level == level);
        let found = found.unwrap_or_else(|| panic!("nothing of {about} in {findings:#?}"));
        let said = format!("{found:?}");
        for part in parts {
            assert!(said.contains(part), "{said} lacks {part}");
        }
        let texts = [&found.what, &found.why];
        assert!(texts.iter().all(|text| !text.is_empty()) && !found.fix.is_empty(), "{said}");
        assert_eq!(good, findings.iter().all(|finding| finding.level != "error"), "{findings:#?}");
        found.clone()
    }

    /// Does what is said of the first finding, again and again, until the doctor is content.
    #[track_caller]
    pub(super) fn follow_the_advice(&mut self) {
        for _ in 0..ROUNDS {
            let (good, findings) = self.doctor();
            let Some(first) = findings.first() else {
                assert!(good, "nothing was found, and it failed");
                return;
            };
            for fix in &first.fix {
                self.follow(fix);
            }
        }
        panic!("still not content: {:#?}", self.doctor().1);
    }

    fn follow(&mut self, fix: &Value) {
        let (kind, what) = fix.as_object().unwrap().iter().next().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match kind.as_str() {
            "run" => {
                let pid = self.sh(&format!("{{ {}\n}} > advice.log 2>&1 && echo \"$!\"", text(what)));
                self.started.extend(Some(pid.trim().to_owned()).filter(|pid| !pid.is_empty()));
            }
            "line" => self.write_line(what),
            "variable" => _ = self.variables.insert(text(&what["name"]), text(&what["value"])),
            "rename" => {
                let value = self.variables.remove(what["from"].as_str().unwrap()).unwrap();
                self.variables.insert(text(&what["to"]), value);
            }
            "unset" => _ = self.variables.remove(what.as_str().unwrap()).unwrap(),
            other => panic!("{other} needs a person: {what}"),
        }
    }

    /// Opens the file in an editor, goes to the line, types.
    fn write_line(&self, what: &Value) {
        let file = what["file"].as_str().unwrap();
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().collect();
        let at = usize::try_from(what["number"].as_u64().unwrap()).unwrap() - 1;
        if what["replaces"].as_bool().unwrap() {
            lines[at] = what["text"].as_str().unwrap();
        } else {
            lines.insert(at, what["text"].as_str().unwrap());
        }
        self.write(file, &(lines.join("\n") + "\n"));
    }

    /// Starts the server as it is configured; it must come up.
    pub(super) async fn serve(&self) -> Process {
        let mut process = Process::spawn(self.shell("exec digota serve"));
        process.address("serving").await;
        process
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for pid in &self.started {
            // It may have ended already.
            let _ = Command::new("kill").arg(pid).status();
        }
    }
}

impl Finding {
    fn of(finding: &Value) -> Finding {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Finding {
            level: text(&finding["level"]),
            about: text(&finding["about"]),
            what: text(&finding["what"]),
            why: text(&finding["why"]),
            fix: finding["fix"].as_array().unwrap().clone(),
        }
    }
}

/// A port that nobody listens on now.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn give(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}
