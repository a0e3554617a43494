//! What is in force at the door: credentials for the listener, and the whitelist behind it.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use digota_grpc::gate::Doors;
use jiff::Timestamp;

use super::{Admission, Listed};
use crate::config::{ClientEntry, Settings};
use crate::tls::{Credentials, Issuer, Whitelist};

/// What is in force. Clones share it; what replaces it holds from the next handshake and the next call on.
#[derive(Clone)]
pub(crate) struct Entrance {
    credentials: Arc<ArcSwap<Credentials>>,
    listed: Arc<Listed>,
    standing: Arc<ArcSwap<Standing>>,
}

/// How the files behind the door fare, for whoever looks after the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What is wrong with them now, each with its file; empty where what they say is in force.
    pub(crate) problems: Vec<String>,
    /// How often what is in force was replaced since the start.
    pub(crate) renewed: u64,
    /// How often a change could not be used since the start.
    pub(crate) refused: u64,
    /// The last second of the server's certificate, or of one that it is sent with.
    pub(crate) certificate_ends: Timestamp,
    /// The last second of the CA that ends first.
    pub(crate) authority_ends: Timestamp,
}

impl Entrance {
    /// Loads what the settings name; `None` where they ask for no TLS.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Option<Entrance>> {
        let Some(files) = settings.tls_files().filter(|_| !settings.insecure) else { return Ok(None) };
        let credentials = Credentials::load(&files, settings.tls.min_version)?;
        let whitelist = whitelist(&settings.clients, &credentials.authority)?;
        let admission = Admission { clients: Arc::clone(&credentials.clients), whitelist };
        let standing = Standing {
            problems: Vec::new(),
            renewed: 0,
            refused: 0,
            certificate_ends: credentials.not_after,
            authority_ends: credentials.authorities_not_after,
        };
        Ok(Some(Entrance {
            credentials: Arc::new(ArcSwap::from_pointee(credentials)),
            listed: Arc::new(Listed(ArcSwap::from_pointee(admission))),
            standing: Arc::new(ArcSwap::from_pointee(standing)),
        }))
    }

    /// For the listener: the credentials that each handshake finds.
    pub(crate) fn credentials(&self) -> Arc<ArcSwap<Credentials>> {
        Arc::clone(&self.credentials)
    }

    /// For the gate: who may enter.
    pub(crate) fn doors(&self) -> Arc<dyn Doors> {
        Arc::clone(&self.listed) as Arc<dyn Doors>
    }

    /// How the files behind the door fare.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// Notes how the files fare. Only whoever follows them does.
    pub(super) fn note(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = Standing::clone(&self.standing.load());
        change(&mut standing);
        self.standing.store(Arc::new(standing));
    }

    /// Replaces what is in force: by `credentials` if there are new ones, and by the whitelist of these clients.
    ///
    /// Where that whitelist can't be used the one in force stays, and so do the credentials, unless the new ones leave the
    /// CA's name as it is: what bare serials in the old whitelist mean hangs on it.
    pub(super) fn renew(
        &self,
        credentials: Option<Credentials>,
        clients: &[ClientEntry],
    ) -> anyhow::Result<()> {
        let in_force = self.credentials.load_full();
        let next = credentials.map_or_else(|| Arc::clone(&in_force), Arc::new);
        let built = whitelist(clients, &next.authority);
        let whitelist = match &built {
            Ok(whitelist) => whitelist.clone(),
            Err(_) if next.authority == in_force.authority => self.listed.0.load().whitelist.clone(),
            Err(_) => return built.map(drop),
        };
        // Clients of a new CA are known before they can come in.
        self.listed.0.store(Arc::new(Admission { clients: Arc::clone(&next.clients), whitelist }));
        self.note(|standing| {
            standing.renewed += 1;
            standing.certificate_ends = next.not_after;
            standing.authority_ends = next.authorities_not_after;
        });
        self.credentials.store(next);
        built.map(drop)
    }
}

fn whitelist(clients: &[ClientEntry], authority: &Issuer) -> anyhow::Result<Whitelist> {
    Whitelist::new(clients, authority)
        .map_err(|twice| {
            let all: Vec<String> = twice.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", all.join("; "))
        })
        .context("clients")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::ca::{Folder, Validity};
    use crate::config::Sources;

    /// A folder with a CA of this name, and the settings of a server that it and these clients make.
    fn server(ca: &str, clients: &str) -> (TempDir, Settings) {
        let temporary = TempDir::new().unwrap();
        let folder = Folder::new(temporary.path());
        folder.init(ca, &["localhost".to_owned()], Validity::days(Timestamp::now(), 1)).unwrap();
        let files = folder.server_files();
        let text = format!(
            "tls.key = {:?}\ntls.crt = {:?}\ntls.cacrt = {:?}\n{clients}",
            files.key, files.crt, files.cacrt
        );
        let path = temporary.path().join("digota.toml");
        std::fs::write(&path, text).unwrap();
        let settings = Sources::of(Some(path), vec![]).load().unwrap().settings;
        (temporary, settings)
    }

    fn credentials(settings: &Settings) -> Credentials {
        Credentials::load(&settings.tls_files().unwrap(), settings.tls.min_version).unwrap()
    }

    const SHOP: &str = "[[clients]]\nname = \"shop\"\nserials = [\"1\"]\nscopes = [\"READ\"]\n";
    /// The same certificate as that of `SHOP`, once the CA in force is called "next".
    const PARTNER: &str =
        "[[clients]]\nname = \"partner\"\nissuer = \"CN=next\"\nserials = [\"1\"]\nscopes = [\"READ\"]\n";

    #[test]
    fn another_ca_waits_for_a_whitelist_that_fits_it() {
        let (_first, settings) = server("first", &(SHOP.to_owned() + PARTNER));
        let (_next, moved) = server("next", SHOP);
        let entrance = Entrance::open(&settings).unwrap().unwrap();
        let error = entrance.renew(Some(credentials(&moved)), &settings.clients).unwrap_err();
        assert!(format!("{error:#}").contains("listed twice, for shop and for partner"), "{error:#}");
        assert_eq!(entrance.credentials().load().authority, "CN=first".parse().unwrap());
        entrance.renew(Some(credentials(&moved)), &moved.clients).unwrap();
        assert_eq!(entrance.credentials().load().authority, "CN=next".parse().unwrap());
        assert_eq!(entrance.standing().renewed, 1);
    }

    #[test]
    fn another_certificate_of_the_same_ca_does_not_wait_for_a_whitelist() {
        let (_temporary, settings) = server("next", SHOP);
        let twice = server("first", &(SHOP.to_owned() + PARTNER)).1.clients;
        let entrance = Entrance::open(&settings).unwrap().unwrap();
        let before = entrance.credentials().load_full();
        entrance.renew(Some(credentials(&settings)), &twice).unwrap_err();
        assert!(!Arc::ptr_eq(&before, &entrance.credentials().load()));
    }
}
