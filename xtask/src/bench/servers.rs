//! The two servers, as processes that end with the measurement.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::build::Programs;
use super::stage::{End, Stage};

/// A server on loopback. It is killed when it is dropped: what it wrote is thrown away.
pub(super) struct Server {
    process: Child,
    pub(super) address: String,
    /// Where it writes its log, if it does.
    log: Option<PathBuf>,
}

/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);

impl Server {
    /// Starts the bare server.
    pub(super) fn bare(programs: &Programs, stage: &Stage) -> Result<Self> {
        let mut command = Command::new(&programs.load);
        let process = command.arg("bare").args(stage.tls(End::Server)).stdout(Stdio::piped()).spawn()?;
        let mut server = Self { process, address: String::new(), log: None };
        let output = server.process.stdout.take().context("the bare server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").context("the bare server does not listen")?;
        address.clone_into(&mut server.address);
        Ok(server)
    }

    /// Starts digota on an empty database and waits until it listens.
    pub(super) fn digota(programs: &Programs, stage: &Stage, gateway_ms: u32) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let name = format!("digota-{port}");
        let log = stage.path(&format!("{name}.log"));
        let file = File::create(&log)?;
        let mut command = Command::new(&programs.digota);
        command.arg("serve").arg("--config").arg(stage.settings(&name, port, gateway_ms)?);
        let process = command.stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut server = Self { process, address: format!("127.0.0.1:{port}"), log: Some(log.clone()) };
        server.wait().with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(server)
    }

    /// Stops it in good order and returns how many batches it committed together on the average, over its whole life.
    pub(super) fn stop(mut self) -> Result<Option<f64>> {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        if !asked.success() || !self.process.wait()?.success() {
            bail!("the server did not end in good order");
        }
        let Some(log) = &self.log else { return Ok(None) };
        Ok(fs::read_to_string(log)?.lines().find_map(mean_group))
    }

    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            if start.elapsed() > START {
                bail!("the server does not listen after {START:?}");
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// The mean group of the line that says that the storage is closed.
#[expect(clippy::float_arithmetic, reason = "a mean is for people")]
fn mean_group(line: &str) -> Option<f64> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let (groups, pieces) = (line.get("groups")?.as_f64()?, line.get("pieces")?.as_f64()?);
    (groups > 0.0).then_some(pieces / groups)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
