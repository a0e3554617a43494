//! The certificates of the tests, made once by `digota ca`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tonic::transport::{Certificate, Identity};

use super::process::digota;

/// Who is in every server's whitelist, and with what. `stranger` has a certificate and is not.
const CLIENTS: [(&str, &[&str]); 6] = [
    ("shop", &["READ", "WRITE"]),
    ("other", &["READ", "WRITE"]),
    ("reader", &["READ"]),
    ("writer", &["WRITE"]),
    ("guest", &["PUBLIC"]),
    ("owner", &["WILDCARD"]),
];

/// A CA, a server certificate, and the clients' certificates.
pub(crate) struct Pki {
    folder: PathBuf,
    whitelist: String,
    serial: String,
}

static PKI: LazyLock<Pki> = LazyLock::new(Pki::make);

impl Pki {
    /// The one that all tests share.
    pub(crate) fn shared() -> &'static Pki {
        &PKI
    }

    fn make() -> Pki {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        sweep(root);
        let folder = root.join(format!("certs-{}", std::process::id()));
        let dir = folder.to_str().unwrap();
        ca(&["ca", "init", "--dir", dir]);
        let mut whitelist = String::new();
        for (name, scopes) in CLIENTS {
            let printed = ca(&["ca", "issue", name, "--dir", dir, "--scope", &scopes.join(",")]);
            let lines = printed.split_once("[[clients]]").unwrap().1;
            whitelist.push_str(&format!("[[clients]]{lines}"));
        }
        let printed = ca(&["ca", "issue", "stranger", "--dir", dir]);
        let serial = printed.lines().find_map(|line| line.strip_prefix("serial=")).unwrap().to_owned();
        Pki { folder, whitelist, serial }
    }

    /// A file of the folder, as text.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// The path of a file of the folder.
    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }

    /// The lines of a settings file that admit every client but `stranger`, as `digota ca issue` printed them.
    pub(crate) fn whitelist(&self) -> &str {
        &self.whitelist
    }

    /// The serial of the certificate of `stranger`, as `digota ca issue` printed it.
    pub(crate) fn strangers_serial(&self) -> &str {
        &self.serial
    }

    /// The certificate of the CA.
    pub(crate) fn authority(&self) -> Certificate {
        Certificate::from_pem(self.read("ca.crt"))
    }

    /// A client's certificate and key.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        Identity::from_pem(self.read(&format!("{name}.crt")), self.read(&format!("{name}.key")))
    }
}

fn ca(words: &[&str]) -> String {
    let output = digota(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Removes what earlier runs left, which could not know that they were over.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).unwrap().map_while(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("certs-") else { continue };
        if !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
