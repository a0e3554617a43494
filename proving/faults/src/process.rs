//! A digota process: started, watched until it serves, killed or stopped.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How long a process may take until it serves.
const START: Duration = Duration::from_secs(20);
/// How long a process may take to stop in good order.
const STOP: Duration = Duration::from_secs(40);

/// A digota that serves. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The id by which its store knows it; nil for a sandbox.
    pub(crate) node: Uuid,
    log: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a program that logs JSON to stderr, and waits until it says where it serves. All lines go to `log`.
    pub(crate) async fn start(program: &Path, arguments: &[&str], log: &Path) -> Result<Process> {
        let mut child = Command::new(program)
            .args(arguments)
            // The settings of whoever runs this must not reach the server.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        let serving = tokio::time::timeout(START, serving(&mut lines, &mut file)).await;
        let (address, node) =
            serving.context("it does not serve")?.with_context(|| format!("see {}", log.display()))?;
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // A log that can't be kept is no reason to stop the run.
                let _ = writeln!(file, "{line}");
            }
        });
        Ok(Process { child, address, node, log: Some(log) })
    }

    /// Kills it as `kill -9` does; returns once it is dead.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.start_kill().context("it was dead before it was killed")?;
        self.child.wait().await?;
        self.close_log().await
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let pid = self.child.id().context("it was dead before it was stopped")?;
        Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().await?;
        let status = tokio::time::timeout(STOP, self.child.wait()).await.context("it does not stop")??;
        self.close_log().await?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    async fn close_log(&mut self) -> Result<()> {
        match self.log.take() {
            Some(log) => Ok(log.await?),
            None => Ok(()),
        }
    }
}

async fn serving(
    lines: &mut Lines<BufReader<ChildStderr>>,
    file: &mut impl Write,
) -> Result<(SocketAddr, Uuid)> {
    while let Some(line) = lines.next_line().await? {
        writeln!(file, "{line}")?;
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let says_so = entry["message"].as_str().is_some_and(|message| message.contains("serving"));
        if let (true, Some(address)) = (says_so, entry["address"].as_str()) {
            let node = entry["node"].as_str().map(Uuid::parse_str).transpose()?;
            return Ok((address.parse()?, node.unwrap_or_default()));
        }
    }
    bail!("it ended before it served")
}
