//! A digota to be attacked: a folder, certificates, and the process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::line::PATIENCE;

/// Who calls as the server is meant to be called.
pub(crate) const HONEST: &str = "honest";
/// Who is listed, and means harm.
pub(crate) const ROGUE: &str = "rogue";
/// Who has a certificate of the CA, and is not listed.
pub(crate) const STRANGER: &str = "stranger";

/// How long a server may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// A running digota. Killed when dropped, and its folder removed.
pub(crate) struct World {
    folder: tempfile::TempDir,
    server: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl World {
    /// Makes certificates and starts the server with these lines on top of its settings, and a gateway that takes so long.
    pub(crate) fn start(bin: Option<&Path>, settings: &str, gateway: Duration) -> Result<World> {
        let bin = match bin {
            Some(bin) => bin.to_owned(),
            None => std::env::current_exe()?.with_file_name("digota"),
        };
        let bin = bin.canonicalize().with_context(|| format!("there is no digota at {}", bin.display()))?;
        let folder = tempfile::Builder::new().prefix("digota-storm-").tempdir()?;
        let certs = folder.path().join("certs").display().to_string();
        digota(&bin, &["ca", "init", "--dir", &certs])?;
        let mut listed = String::new();
        for name in [HONEST, ROGUE] {
            let lines = digota(&bin, &["ca", "issue", name, "--dir", &certs, "--scope", "READ,WRITE"])?;
            listed += &lines[lines.find("[[clients]]").context("no lines for the whitelist")?..];
        }
        digota(&bin, &["ca", "issue", STRANGER, "--dir", &certs])?;
        fs::write(folder.path().join("digota.toml"), text(folder.path(), settings, gateway, &listed))?;
        let log = folder.path().join("server.log");
        let mut server = Command::new(&bin)
            .args(["serve", "--config", "digota.toml"])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        match address(&log, &mut server) {
            Ok(address) => Ok(World { folder, server, address }),
            Err(error) => {
                server.kill()?;
                Err(error.context(fs::read_to_string(log)?))
            }
        }
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// Where the certificates are.
    pub(crate) fn certs(&self) -> PathBuf {
        self.folder.path().join("certs")
    }

    /// A connection of the honest client; the first call opens it.
    pub(crate) fn channel(&self) -> Result<Channel> {
        Ok(self.endpoint()?.connect_lazy())
    }

    /// Where and how the honest client connects.
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        let pem = |file: &str| fs::read(self.certs().join(file)).with_context(|| format!("no {file}"));
        let identity = Identity::from_pem(pem(&format!("{HONEST}.crt"))?, pem(&format!("{HONEST}.key"))?);
        let tls = ClientTlsConfig::new().domain_name("localhost").identity(identity);
        let tls = tls.ca_certificate(Certificate::from_pem(pem("ca.crt")?));
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address))?.tcp_nodelay(true);
        Ok(endpoint.connect_timeout(PATIENCE).tls_config(tls)?)
    }

    /// How many lines of the log are errors.
    pub(crate) fn errors(&self) -> Result<usize> {
        let log = BufReader::new(File::open(self.folder.path().join("server.log"))?);
        Ok(log.lines().map_while(Result::ok).filter(|line| line.contains("\"ERROR\"")).count())
    }

    /// Stops it as an operator does; it must end well.
    pub(crate) fn stop(mut self) -> Result<Duration> {
        let since = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        ensure!(asked.success(), "it was gone before it was stopped");
        while since.elapsed() < STOP {
            if let Some(status) = self.server.try_wait()? {
                ensure!(status.success(), "it ended with {status}");
                return Ok(since.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("it does not stop")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn text(folder: &Path, settings: &str, gateway: Duration, listed: &str) -> String {
    let certs = folder.join("certs");
    let [key, crt, ca] = ["server.key", "server.crt", "ca.crt"].map(|file| certs.join(file));
    format!(
        "address = \"127.0.0.1:0\"\ntls.key = {key:?}\ntls.crt = {crt:?}\ntls.cacrt = {ca:?}\n{settings}\n\
         [[payment]]\nprovider = \"sandbox\"\ndelay_ms = {}\n\n{listed}",
        gateway.as_millis()
    )
}

/// Waits until the log says where the server listens.
fn address(log: &Path, server: &mut Child) -> Result<SocketAddr> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        for line in fs::read_to_string(log)?.lines() {
            let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            if let (Some("serving"), Some(address)) = (entry["message"].as_str(), entry["address"].as_str()) {
                return Ok(address.parse()?);
            }
        }
        ensure!(server.try_wait()?.is_none(), "it ended before it served");
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("it does not serve")
}

/// Runs a digota command to its end; returns what it printed.
fn digota(bin: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(bin).args(arguments).env_clear().output()?;
    ensure!(output.status.success(), "digota {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
