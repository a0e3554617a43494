//! The real binary as a child process whose log lines are kept.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything that a test waits for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary with these words, in a clean environment.
pub(crate) fn digota(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_digota"));
    command.env_clear().args(words).stdin(Stdio::null());
    command
}

/// Runs a command to its end: whether it went well, and everything that it printed.
pub(crate) fn run(mut command: Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A running digota. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it and keeps what it writes to stderr.
    pub(crate) fn spawn(mut command: Command) -> Process {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Process { child, lines }
    }

    /// Waits for the JSON line with this message and returns the address that it names.
    pub(crate) async fn address(&mut self, message: &str) -> SocketAddr {
        let since = Instant::now();
        loop {
            if let Some(address) = self.find(message) {
                return address;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("digota ended with {status}:\n{}", self.log());
            }
            assert!(since.elapsed() < PATIENCE, "no line {message:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn find(&self, message: &str) -> Option<SocketAddr> {
        let lines = self.lines.lock().unwrap();
        let mut parsed = lines.iter().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let line = parsed.find(|line| line["message"] == message)?;
        Some(line["address"].as_str().unwrap().parse().unwrap())
    }

    /// Everything that it has written to stderr.
    pub(crate) fn log(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as an operator does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its files again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it at once, as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log of digota:\n{}", self.log());
        }
    }
}
