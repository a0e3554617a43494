//! The folder that keeps an authority's files: `ca`, `server` and one pair per client.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::authority::{Authority, Issued, Validity};
use super::kept::Kept;
use super::writing::Draft;
use crate::tls::{self, Files};

/// Where in the folder revoked certificates are kept.
pub(super) const REVOKED: &str = "revoked";

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// A folder of certificates; private keys in it have mode 0600, and nothing is ever overwritten.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which may not exist yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Whether an authority was made here.
    pub(crate) fn holds_authority(&self) -> bool {
        self.certificate("ca").exists()
    }

    /// Makes an authority and the certificate of a server: `ca.crt`, `ca.key`, `server.crt`, `server.key`.
    ///
    /// `server_names` are the DNS names and IP addresses by which clients reach the server, at least one.
    /// Creates the folder with mode 0700. Fails, and writes nothing, if one of the four exists.
    pub(crate) fn init(
        &self,
        name: &str,
        server_names: &[String],
        validity: Validity,
    ) -> anyhow::Result<Authority> {
        let authority = Authority::create(name, validity)?;
        let server = authority.issue_server(server_names, validity)?;
        let path = &self.path;
        create(path)?;
        self.refuse_existing(&["ca", "server"])?;
        self.write("ca.key", authority.key_pem().as_bytes(), PRIVATE)?;
        self.write("ca.crt", authority.certificate_pem().as_bytes(), PUBLIC)?;
        self.write_pair("server", &server)?;
        Ok(authority)
    }

    /// Takes up the authority of this folder again; refuses a key that others may read.
    pub(crate) fn open(&self) -> anyhow::Result<Authority> {
        let path = self.certificate("ca");
        let certificate = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("{} holds no CA: make one with `digota ca init --dir {0}`", self.path.display())
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let key = tls::read_private(&tls::File::new("the CA's key", self.key("ca")))?;
        Authority::from_pem(&certificate, &key).with_context(|| format!("in {}", self.path.display()))
    }

    /// Makes the certificate of a client: `NAME.crt` and `NAME.key`. Fails if one of them exists.
    pub(crate) fn issue(&self, name: &str, validity: Validity) -> anyhow::Result<Issued> {
        self.make(name, |authority| authority.issue_client(name, validity))
    }

    /// Makes another certificate of a server, in the same way.
    pub(crate) fn issue_server(
        &self,
        name: &str,
        server_names: &[String],
        validity: Validity,
    ) -> anyhow::Result<Issued> {
        self.make(name, |authority| authority.issue_server(server_names, validity))
    }

    fn make(
        &self,
        name: &str,
        issue: impl FnOnce(&Authority) -> anyhow::Result<Issued>,
    ) -> anyhow::Result<Issued> {
        check_name(name)?;
        let authority = self.open()?;
        self.refuse_existing(&[name])?;
        let issued = issue(&authority)?;
        self.write_pair(name, &issued)?;
        Ok(issued)
    }

    /// The files that a server of this folder is started with.
    pub(crate) fn server_files(&self) -> Files {
        Files { key: self.key("server"), crt: self.certificate("server"), cacrt: self.certificate("ca") }
    }

    /// Where the certificate called `name` is kept.
    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.crt"))
    }

    /// Where the private key of `name` is kept.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.key"))
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves certificates and their keys to where revoked ones are kept, named by their serials; what went where, a line each.
    pub(super) fn retire<'a>(&self, kept: impl Iterator<Item = &'a Kept>) -> anyhow::Result<Vec<String>> {
        let revoked = self.path.join(REVOKED);
        let mut moved = Vec::new();
        for kept in kept {
            create(&revoked)?;
            let serial = kept.certificate.as_ref().and_then(|it| it.serial.as_ref());
            let name = match (kept.path.file_stem(), serial) {
                (Some(stem), Some(serial)) => format!("{}-{}", stem.display(), serial.openssl()),
                (stem, _) => stem.unwrap_or_default().display().to_string(),
            };
            for ending in ["crt", "key"] {
                let (from, to) = (kept.path.with_extension(ending), revoked.join(format!("{name}.{ending}")));
                match fs::rename(&from, &to) {
                    Ok(()) => moved.push(format!("{} to {}", from.display(), to.display())),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("revoked, but {} cannot be moved", from.display()));
                    }
                }
            }
        }
        Ok(moved)
    }

    fn refuse_existing(&self, names: &[&str]) -> anyhow::Result<()> {
        for path in names.iter().flat_map(|name| [self.certificate(name), self.key(name)]) {
            ensure!(
                !path.exists(),
                "{} exists and is not overwritten: choose another name or folder",
                path.display()
            );
        }
        Ok(())
    }

    fn write_pair(&self, name: &str, issued: &Issued) -> anyhow::Result<()> {
        self.write(&format!("{name}.key"), issued.key_pem.as_bytes(), PRIVATE)?;
        self.write(&format!("{name}.crt"), issued.certificate_pem.as_bytes(), PUBLIC)
    }

    fn write(&self, name: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        Draft::write(&self.path.join(name), bytes, mode)?.put()
    }
}

fn create(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot create the folder {}", folder.display()))
}

/// A client's name becomes a file's name.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    ensure!(
        (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['.', '-']),
        "{name:?} cannot be a client's name: use letters, digits, dots, dashes and underscores"
    );
    ensure!(!["ca", "server"].contains(&name), "{name:?} is the name of a file of the CA itself");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;

    fn validity() -> Validity {
        Validity::days(Timestamp::now(), 1)
    }

    fn init(folder: &Folder) -> anyhow::Result<Authority> {
        folder.init("test CA", &["localhost".to_owned()], validity())
    }

    fn made() -> (TempDir, Folder) {
        let temporary = TempDir::new().unwrap();
        let folder = Folder::new(temporary.path().join("certs"));
        init(&folder).unwrap();
        (temporary, folder)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_and_folder_are_the_owner_s_alone() {
        let (_temporary, folder) = made();
        folder.issue("shop", validity()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        for name in ["ca", "server", "shop"] {
            assert_eq!(mode(&folder.key(name)), 0o600, "{name}");
            assert!(folder.certificate(name).exists(), "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6, "no file is left beside");
    }

    #[test]
    fn a_second_init_is_refused_and_changes_nothing() {
        let (_temporary, folder) = made();
        let before = fs::read(folder.key("ca")).unwrap();
        let error = init(&folder).err().unwrap();
        assert!(error.to_string().contains("not overwritten"), "{error}");
        assert_eq!(fs::read(folder.key("ca")).unwrap(), before);
    }

    #[test]
    fn a_client_is_not_issued_twice() {
        let (_temporary, folder) = made();
        folder.issue("shop", validity()).unwrap();
        assert!(folder.issue("shop", validity()).err().unwrap().to_string().contains("shop.crt exists"));
    }

    #[test]
    fn a_ca_key_that_others_may_read_is_refused() {
        let (_temporary, folder) = made();
        for loose in [0o644, 0o640, 0o604, 0o660] {
            fs::set_permissions(folder.key("ca"), fs::Permissions::from_mode(loose)).unwrap();
            let error = folder.issue("shop", validity()).err().unwrap();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(folder.key("ca"), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(folder.issue("shop", validity()).is_ok());
    }

    #[test]
    fn names_that_are_no_file_names_are_refused() {
        let (_temporary, folder) = made();
        for name in ["", "../x", "a/b", ".x", "-x", "ca", "server", "a b", "é"] {
            assert!(folder.issue(name, validity()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn without_a_ca_the_message_says_how_to_make_one() {
        let temporary = TempDir::new().unwrap();
        let error = Folder::new(temporary.path()).open().err().unwrap();
        assert!(error.to_string().contains("digota ca init --dir"), "{error}");
    }
}
