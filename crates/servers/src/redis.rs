//! A Redis server for tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::find::REDIS;
use crate::process::{Process, free_port};

/// A server that keeps all in memory: a new start is an empty one. Stopped when dropped.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    words: Vec<String>,
    prefixes: AtomicU32,
}

impl Redis {
    /// Starts one.
    ///
    /// # Errors
    /// Says why there is none, and what can be done.
    pub fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// Starts one with further words for its command line.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_with(words: &[&str]) -> Result<Self, String> {
        let mut server = Self::new()?;
        server.words.extend(words.iter().map(|word| (*word).to_owned()));
        server.serve()?;
        Ok(server)
    }

    /// Starts one that speaks TLS and nothing else, with this certificate and key in PEM form.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_with_tls(certificate: &str, key: &str) -> Result<Self, String> {
        let mut server = Self::new()?;
        for (name, text) in [("cert", certificate), ("key", key)] {
            let path = server.folder.path().join(name);
            std::fs::write(&path, text).map_err(|error| format!("can't write the {name} file: {error}"))?;
            server.words.extend([format!("--tls-{name}-file"), path.display().to_string()]);
        }
        let port = server.port.to_string();
        server
            .words
            .extend(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"].map(str::to_owned));
        server.serve()?;
        Ok(server)
    }

    fn new() -> Result<Self, String> {
        let programs = REDIS.folder()?;
        let said = |error: std::io::Error| format!("can't start Redis: {error}");
        let folder = tempfile::Builder::new().prefix("digota-redis").tempdir().map_err(said)?;
        let (port, prefixes) = (free_port().map_err(said)?, AtomicU32::new(0));
        Ok(Self { process: None, folder, programs, port, words: Vec::new(), prefixes })
    }

    /// Where it listens: host:port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A prefix for keys that nobody else has.
    pub fn prefix(&self) -> String {
        format!("test{}:", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }

    /// Has it do a command; returns what redis-cli prints.
    ///
    /// # Errors
    /// What the server said.
    pub fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("redis-cli"));
        command.args(["-p", &self.port.to_string(), "-e"]);
        if self.words.iter().any(|word| word == "--tls-port") {
            command.args(["--tls", "--insecure"]);
        }
        let output = command.args(words).output().map_err(|error| format!("can't run redis-cli: {error}"))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => Err(format!("{} {}", said(&output.stdout), said(&output.stderr)).trim().to_owned()),
        }
    }

    /// Stops it at once, as a crash does; what it knew is gone.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, empty, where it was.
    ///
    /// # Errors
    /// Says why it does not start.
    pub fn serve(&mut self) -> Result<(), String> {
        let mut command = Command::new(self.programs.join("redis-server"));
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        command.arg("--pidfile").arg(self.pid_file()).args(&self.words);
        let log = self.folder.path().join("log");
        let started = Process::start(&command, "KILL", None, &log);
        let mut process = started.map_err(|error| format!("can't start Redis: {error}"))?;
        let is_ready = || {
            self.command(&["PING"]).is_ok_and(|said| said == "PONG" || said.contains("NOAUTH"))
                || self.command(&["PING"]).is_err_and(|said| said.contains("NOAUTH"))
        };
        process.wait_until(is_ready).map_err(|why| {
            format!("Redis does not start: {why}\n{}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Makes it stand still: it takes connections and answers nobody.
    ///
    /// # Errors
    /// What went wrong.
    pub fn freeze(&self) -> Result<(), String> {
        self.signal("-STOP")
    }

    /// Has it go on.
    ///
    /// # Errors
    /// What went wrong.
    pub fn thaw(&self) -> Result<(), String> {
        self.signal("-CONT")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn signal(&self, signal: &str) -> Result<(), String> {
        let pid = std::fs::read_to_string(self.pid_file()).map_err(|error| format!("no process: {error}"))?;
        let sent = Command::new("kill").args([signal, pid.trim()]).status();
        let sent = sent.map_err(|error| format!("can't run kill: {error}"))?;
        sent.success().then_some(()).ok_or_else(|| format!("kill {signal} failed"))
    }
}
