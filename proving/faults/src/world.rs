//! What a run needs around it: a folder, certificates, a sandbox that outlives every server, and servers on the same data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use digota_oracle::journal::{self, Entry};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::books::{Storage, Store};
use crate::process::Process;

/// The client's name in the whitelist.
pub(crate) const CLIENT: &str = "buyers";

/// The file of the sandbox's record.
const JOURNAL: &str = "sandbox.journal";

/// A folder with everything, and the sandbox that works in it: a process of its own, or a part of the server.
pub(crate) struct World {
    /// Stays behind unless the run ends well.
    folder: PathBuf,
    /// The digota that is tried.
    pub(crate) bin: PathBuf,
    sandbox: Option<Process>,
    tls: ClientTlsConfig,
    pub(crate) store: Store,
}

/// Where the sandbox is.
pub(crate) enum Gateway {
    /// Inside the server: it ends with it, and takes so many milliseconds to answer.
    Inside { delay_ms: u64 },
    /// A process of its own, that outlives servers.
    Beside(Beside),
}

/// Who reads the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// This digota, which is told to settle what a dead node left behind soon.
    This,
    /// An earlier one too, which may not know that setting.
    EarlierToo,
}

/// How a sandbox beside the server behaves.
pub(crate) struct Beside {
    /// How long a request takes until it is answered, in milliseconds.
    pub(crate) delay_ms: u64,
    /// The effect happens at a random moment of this many milliseconds.
    pub(crate) jitter_ms: u64,
    /// The share of requests, and of answers, that are lost.
    pub(crate) lost: &'static str,
    /// Where its chance starts.
    pub(crate) seed: u64,
}

impl World {
    /// Makes the folder, the certificates and an empty store, and starts the sandbox.
    pub(crate) async fn build(
        bin: &Path,
        gateway: &Gateway,
        storage: Storage,
        reading: Reading,
    ) -> Result<World> {
        let bin = bin.canonicalize().with_context(|| format!("there is no digota at {}", bin.display()))?;
        let folder = tempfile::Builder::new().prefix("digota-faults-").tempdir()?.keep();
        eprintln!("everything is in {}", folder.display());
        let path = folder.as_path();
        let certs = text(&path.join("certs"));
        digota(&bin, &["ca", "init", "--dir", &certs])?;
        let lines = digota(&bin, &["ca", "issue", CLIENT, "--dir", &certs, "--scope", "WILDCARD"])?;
        let (sandbox, account) = match gateway {
            Gateway::Inside { delay_ms } => {
                let journal = path.join(JOURNAL);
                (None, format!("log = \"{}\"\ndelay_ms = {delay_ms}", journal.display()))
            }
            Gateway::Beside(beside) => {
                let sandbox = beside.start(&bin, path).await.context("the sandbox")?;
                let account = format!("address = \"http://{}\"", sandbox.address);
                (Some(sandbox), account)
            }
        };
        let store = Store::new(storage, path)?;
        fs::write(path.join("digota.toml"), settings(path, &store, &account, &lines, reading)?)?;
        let tls = client_tls(&path.join("certs"))?;
        Ok(World { folder, bin, sandbox, tls, store })
    }

    /// Starts a node of this digota on the data that the others share or the last one left.
    pub(crate) async fn serve(&self, bin: &Path, index: usize) -> Result<Process> {
        let log = self.path().join(format!("server{index}.log"));
        Process::start(bin, &["serve", "--config", &self.config()], &log).await.context("the server")
    }

    /// What `digota verify` finds wrong, in its own words.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let found = digota(&self.bin, &["verify", "--config", &self.config()]);
        found.map(drop).map_err(|error| format!("{error:#}"))
    }

    /// Connections to a server, opened when they are first used.
    pub(crate) fn connect(&self, server: &Process, count: usize) -> Result<Vec<Channel>> {
        let endpoint = Endpoint::from_shared(format!("https://{}", server.address))?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .tls_config(self.tls.clone())?;
        Ok((0..count).map(|_| endpoint.connect_lazy()).collect())
    }

    /// Ends the sandbox, and returns its record. No server may be running.
    pub(crate) async fn close(self) -> Result<(PathBuf, Vec<Entry>)> {
        if let Some(mut sandbox) = self.sandbox {
            sandbox.stop().await.context("the sandbox")?;
        }
        let path = self.folder.join(JOURNAL);
        let text = fs::read_to_string(&path).with_context(|| format!("no record at {}", path.display()))?;
        let entries = journal::read(&text).map_err(anyhow::Error::msg).context("the gateway's record")?;
        Ok((self.folder, entries))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    fn config(&self) -> String {
        text(&self.folder.join("digota.toml"))
    }
}

impl Beside {
    async fn start(&self, bin: &Path, path: &Path) -> Result<Process> {
        let journal = text(&path.join(JOURNAL));
        let numbers = [self.delay_ms, self.jitter_ms, self.seed].map(|number| number.to_string());
        let arguments = [
            ["sandbox", "--listen", "127.0.0.1:0"].as_slice(),
            &["--journal", &journal, "--delay-ms", &numbers[0]],
            &["--effect-jitter-ms", &numbers[1], "--seed", &numbers[2]],
            &["--lose-before", self.lost, "--lose-after", self.lost],
        ];
        Process::start(bin, &arguments.concat(), &path.join("sandbox.log")).await
    }
}

fn settings(path: &Path, store: &Store, account: &str, clients: &str, reading: Reading) -> Result<String> {
    let clients =
        clients.find("[[clients]]").map(|at| &clients[at..]).context("no lines for the whitelist")?;
    let folder = text(path);
    let slack = match reading {
        Reading::This => "lease_slack_ms = 1000",
        Reading::EarlierToo => "",
    };
    Ok(format!(
        r#"address = "127.0.0.1:0"

[tls]
key = "{folder}/certs/server.key"
crt = "{folder}/certs/server.crt"
cacrt = "{folder}/certs/ca.crt"

[storage]
{}

[payments]
gateway_timeout_ms = 2000
{slack}

[[payment]]
provider = "sandbox"
{account}

{clients}"#,
        store.settings()
    ))
}

fn client_tls(certs: &Path) -> Result<ClientTlsConfig> {
    let pem = |name: &str| fs::read(certs.join(name)).with_context(|| format!("no {name}"));
    let identity = Identity::from_pem(pem(&format!("{CLIENT}.crt"))?, pem(&format!("{CLIENT}.key"))?);
    let authority = Certificate::from_pem(pem("ca.crt")?);
    Ok(ClientTlsConfig::new().identity(identity).ca_certificate(authority).domain_name("localhost"))
}

/// Runs a digota command to its end; returns what it printed.
fn digota(bin: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(bin).args(arguments).env_clear().output()?;
    ensure!(output.status.success(), "digota {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
