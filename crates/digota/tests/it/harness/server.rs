//! A server for one test: its own folder, data, port and log.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tonic::transport::{ClientTlsConfig, Endpoint, Identity};

use super::process::PATIENCE;
use super::{Client, Pki, Process, digota, run};

/// Where a server's payments go.
#[derive(Clone, Debug, Default)]
pub(crate) enum Gateway {
    /// A sandbox inside the server.
    #[default]
    Inside,
    /// A sandbox process at this URL.
    At(String),
    /// Nowhere: no provider is configured.
    None,
}

/// What is different about a test's server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// Where payments go.
    pub(crate) gateway: Gateway,
    /// How long a sandbox inside takes, in milliseconds.
    pub(crate) delay_ms: u64,
    /// Lines at the top of the settings file.
    pub(crate) settings: &'static str,
    /// Where it keeps its shop, as a section of the settings file; a file of its own if empty.
    pub(crate) storage: String,
    /// Further entries of the whitelist.
    pub(crate) clients: String,
    /// Certificates of further CAs that it trusts.
    pub(crate) authorities: String,
    /// Words after `serve`.
    pub(crate) flags: &'static [&'static str],
    /// How many files it may open, where that is less than the system allows.
    pub(crate) files_max: Option<u64>,
    /// A backup to begin with.
    pub(crate) database: Option<PathBuf>,
}

/// A running server.
pub(crate) struct Server {
    /// Its process.
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    folder: TempDir,
    flags: &'static [&'static str],
    files_max: Option<u64>,
}

impl Server {
    /// A server with nothing special about it.
    pub(crate) async fn start() -> Server {
        Server::with(Setup::default()).await
    }

    /// A server with something special about it.
    pub(crate) async fn with(setup: Setup) -> Server {
        let folder = TempDir::new().unwrap();
        let trusted = Pki::shared().read("ca.crt") + &setup.authorities;
        fs::write(folder.path().join("ca.crt"), trusted).unwrap();
        fs::write(folder.path().join("digota.toml"), setup.text()).unwrap();
        if let Some(backup) = &setup.database {
            fs::copy(backup, folder.path().join("digota.db")).unwrap();
        }
        let Setup { flags, files_max, .. } = setup;
        let (process, address) = serve(folder.path(), flags, files_max).await;
        Server { process, address, folder, flags, files_max }
    }

    /// A client by its name in the whitelist.
    pub(crate) async fn client(&self, name: &str) -> Client {
        self.connect(Some(Pki::shared().identity(name))).await.unwrap()
    }

    /// A client with this certificate, or without one. In TLS 1.3 it learns only by calling that it was turned away.
    pub(crate) async fn connect(
        &self,
        identity: Option<Identity>,
    ) -> Result<Client, tonic::transport::Error> {
        let tls = ClientTlsConfig::new().domain_name("localhost").ca_certificate(Pki::shared().authority());
        let tls = match identity {
            Some(identity) => tls.identity(identity),
            None => tls,
        };
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        Ok(Client::new(endpoint.tls_config(tls).unwrap().connect().await?))
    }

    /// The client that reads and writes.
    pub(crate) async fn shop(&self) -> Client {
        self.client("shop").await
    }

    /// Stops it as an operator does. It must end well.
    pub(crate) async fn stop(&mut self) {
        self.process.terminate();
        let status = self.process.ended().await;
        assert!(status.success(), "{status}:\n{}", self.process.log());
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data.
    pub(crate) async fn start_again(&mut self) {
        (self.process, self.address) = serve(self.folder.path(), self.flags, self.files_max).await;
    }

    /// A file of its folder.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Puts another settings file in the place of its own, at once, as careful editors do.
    pub(crate) fn rewrite(&self, edit: impl FnOnce(String) -> String) {
        let (place, beside) = (self.path("digota.toml"), self.path("digota.toml.new"));
        let before = fs::read_to_string(&place).unwrap();
        let after = edit(before.clone());
        assert_ne!(before, after, "nothing was edited");
        fs::write(&beside, after).unwrap();
        fs::rename(&beside, &place).unwrap();
    }

    /// Takes a client out of its settings file by `digota ca revoke`; what that said.
    pub(crate) fn revoke(&self, who: &str) -> String {
        let mut command = digota(&["ca", "revoke", who]);
        command.current_dir(self.folder.path());
        let (good, said) = run(command);
        assert!(good, "{said}");
        said
    }

    /// The serial of a client's certificate, as the settings file has it.
    pub(crate) fn serial_of(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path("digota.toml")).unwrap();
        let rest = text.split_once(&format!("name = {name:?}\nserials = [\"")).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Runs `digota` with these words in the server's folder: what it printed, or what it printed and that it failed.
    pub(crate) async fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut command = digota(words);
        command.current_dir(self.path(""));
        let (good, text) = tokio::task::spawn_blocking(|| super::run(command)).await.unwrap();
        if good { Ok(text) } else { Err(text) }
    }

    /// The same for a command that asks this server, by the certificate of `owner`.
    pub(crate) async fn operator(&self, words: &[&str]) -> Result<String, String> {
        let pki = Pki::shared();
        let [crt, key, ca] = ["owner.crt", "owner.key", "ca.crt"].map(|file| pki.path(file));
        let address = self.address.to_string();
        let reach = ["--address", &address, "--crt", &crt, "--key", &key, "--cacrt", &ca];
        self.command(&[words, &reach].concat()).await
    }

    /// The record of the sandbox inside.
    pub(crate) fn journal(&self) -> Vec<super::Entry> {
        super::sandbox::read(&fs::read_to_string(self.path("sandbox.log")).unwrap_or_default())
    }
}

async fn serve(folder: &Path, flags: &[&str], files_max: Option<u64>) -> (Process, SocketAddr) {
    let mut command = digota(&["serve"]);
    if let Some(files) = files_max {
        let program = command.get_program().to_owned();
        command = Command::new("prlimit");
        command
            .env_clear()
            .arg(format!("--nofile={files}:{files}"))
            .arg(program)
            .arg("serve")
            .stdin(Stdio::null());
    }
    command.args(flags).current_dir(folder);
    let mut process = Process::spawn(command);
    let address = process.address("serving").await;
    (process, address)
}

impl Setup {
    /// The settings file.
    fn text(&self) -> String {
        let Setup { gateway, delay_ms, settings, storage, clients, .. } = self;
        let pki = Pki::shared();
        let [key, crt] = ["server.key", "server.crt"].map(|file| pki.path(file));
        let payment = match gateway {
            Gateway::Inside => {
                format!("[[payment]]\nprovider = \"sandbox\"\nlog = \"sandbox.log\"\ndelay_ms = {delay_ms}\n")
            }
            Gateway::At(url) => format!("[[payment]]\nprovider = \"sandbox\"\naddress = {url:?}\n"),
            Gateway::None => String::new(),
        };
        let tls = format!("tls.key = {key:?}\ntls.crt = {crt:?}\ntls.cacrt = \"ca.crt\"\n");
        let listed = pki.whitelist();
        format!("address = \"127.0.0.1:0\"\n{settings}\n{tls}\n{storage}\n{payment}\n{listed}\n{clients}\n")
    }
}

/// Asks again and again until the answer is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
