//! The two servers, as processes that end with the measurement.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::build::Programs;
use super::database::Database;
use super::stage::{End, Stage};

/// A server on loopback. It is killed when it is dropped: what it wrote is thrown away.
pub(super) struct Server {
    process: Child,
    pub(super) address: String,
    /// Where it tells how it is, if it does.
    monitor: Option<String>,
}

/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);

impl Server {
    /// Starts the bare server.
    pub(super) fn bare(programs: &Programs, stage: &Stage) -> Result<Self> {
        let mut command = Command::new(&programs.load);
        let process = command.arg("bare").args(stage.tls(End::Server)).stdout(Stdio::piped()).spawn()?;
        let mut server = Self { process, address: String::new(), monitor: None };
        let output = server.process.stdout.take().context("the bare server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").context("the bare server does not listen")?;
        address.clone_into(&mut server.address);
        Ok(server)
    }

    /// Starts digota on an empty database and waits until it listens.
    pub(super) fn digota(
        programs: &Programs,
        stage: &Stage,
        gateway_ms: u32,
        database: &Database<'_>,
    ) -> Result<Self> {
        // Both are held until both are known, so that they differ.
        let free = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [port, monitor] = [free[0].local_addr()?.port(), free[1].local_addr()?.port()];
        drop(free);
        let log = stage.path(&format!("digota-{port}.log"));
        let file = File::create(&log)?;
        let mut command = Command::new(&programs.digota);
        command.arg("serve").arg("--config").arg(stage.settings(port, monitor, gateway_ms, database)?);
        let process = command.stdout(file.try_clone()?).stderr(file).spawn()?;
        let monitor = Some(format!("127.0.0.1:{monitor}"));
        let mut server = Self { process, address: format!("127.0.0.1:{port}"), monitor };
        server.wait().with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(server)
    }

    /// Stops it in good order and returns how many batches it committed together on the average, over its whole life.
    pub(super) fn stop(mut self) -> Result<Option<f64>> {
        let group = self.monitor.as_deref().map(metrics).transpose()?.as_deref().and_then(mean_group);
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        if !asked.success() || !self.process.wait()?.success() {
            bail!("the server did not end in good order");
        }
        Ok(group)
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

/// What a server's monitor tells.
fn metrics(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// The mean size of the groups that the storage committed.
#[expect(clippy::float_arithmetic, reason = "a mean is for people")]
fn mean_group(page: &str) -> Option<f64> {
    let value = |name: &str| -> Option<f64> {
        let line = page.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let groups = value("digota_storage_group_size_count")?;
    (groups > 0.0).then_some(value("digota_storage_group_size_sum")? / groups)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_a_sum_by_a_count() {
        let page =
            "HTTP/1.0 200 OK\r\n\r\ndigota_storage_group_size_sum 30.0\ndigota_storage_group_size_count 4\n";
        assert_eq!(mean_group(page), Some(7.5));
        assert_eq!(
            mean_group("digota_storage_group_size_sum 0.0\ndigota_storage_group_size_count 0\n"),
            None
        );
        assert_eq!(mean_group(""), None);
    }
}
