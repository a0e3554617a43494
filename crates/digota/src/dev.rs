//! `serve --dev`: a server on this machine with nothing to set up. Everything it needs is in one folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use jiff::Timestamp;

use crate::ca::{self, Validity};
use crate::config::Settings;
use crate::tls::{File, Leaf, read_certificates};

/// How long the certificates of a dev folder are valid.
const DAYS: u32 = 3650;

/// The client that may do everything.
pub(crate) const CLIENT: &str = "dev";

/// Where in the folder the certificates are.
const CERTIFICATES: &str = "certs";

/// The names by which clients on this machine reach the server.
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A folder with certificates, data, and the sandbox's record.
pub(crate) struct Folder {
    path: PathBuf,
    certificates: ca::Folder,
    client_fingerprint: String,
}

impl Folder {
    /// Takes up the folder, making what is missing.
    pub(crate) fn prepare(path: &Path) -> anyhow::Result<Folder> {
        let certificates = ca::Folder::new(path.join(CERTIFICATES));
        let validity = Validity::days(Timestamp::now(), DAYS);
        if !certificates.holds_authority() {
            certificates.init("digota dev CA", &SERVER_NAMES.map(String::from), validity)?;
        }
        let client = certificates.certificate(CLIENT);
        if !client.exists() {
            certificates.issue(CLIENT, validity)?;
        }
        let chain = read_certificates(&File::new("the dev client's certificate", &client))?;
        let leaf = chain.first().context("the dev client's certificate is empty")?;
        let client_fingerprint = Leaf::read(leaf)?.fingerprint.to_string();
        Ok(Folder { path: path.to_owned(), certificates, client_fingerprint })
    }

    /// The settings that this folder stands for.
    pub(crate) fn preset(&self) -> Vec<(&'static str, String)> {
        let files = self.certificates.server_files();
        let text = |path: &Path| path.display().to_string();
        vec![
            ("tls.key", text(&files.key)),
            ("tls.crt", text(&files.crt)),
            ("tls.cacrt", text(&files.cacrt)),
            ("storage.address", text(&self.path.join("digota.db"))),
            ("payment.0.provider", "sandbox".to_owned()),
            ("payment.0.log", text(&self.path.join("sandbox.log"))),
            ("clients.0.name", CLIENT.to_owned()),
            ("clients.0.fingerprints", self.client_fingerprint.clone()),
            ("clients.0.scopes", "WILDCARD".to_owned()),
        ]
    }

    /// Refuses to show this to other machines.
    pub(crate) fn insist(&self, settings: &Settings) -> anyhow::Result<()> {
        ensure!(
            settings.address.is_loopback(),
            "--dev serves on this machine only, and {} can be reached from others: unset address, or serve without --dev",
            settings.address
        );
        Ok(())
    }

    /// Tells a person how to call.
    pub(crate) fn introduce(&self, address: SocketAddr) {
        let certs = self.certificates.path().display();
        eprintln!("digota --dev: everything is in {}; delete it to start afresh.", self.path.display());
        eprintln!("Call {address} over mutual TLS with:");
        eprintln!("  CA           {certs}/ca.crt");
        eprintln!("  certificate  {certs}/{CLIENT}.crt");
        eprintln!("  key          {certs}/{CLIENT}.key");
        eprintln!("Cards are pretended: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined.");
    }

    /// The client's certificate files: CA, certificate, key.
    pub(crate) fn client_files(&self) -> (PathBuf, PathBuf, PathBuf) {
        Folder::client_files_in(&self.path)
    }

    /// The same of a folder that was prepared before.
    pub(crate) fn client_files_in(path: &Path) -> (PathBuf, PathBuf, PathBuf) {
        let dir = ca::Folder::new(path.join(CERTIFICATES));
        (dir.certificate("ca"), dir.certificate(CLIENT), dir.key(CLIENT))
    }
}
