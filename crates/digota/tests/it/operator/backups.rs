//! Backups under load, and servers that are started from them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use digota_proto::orderpb::order;
use tempfile::TempDir;

use crate::harness::{Server, Setup, digota, eventually, run};

/// Clients that buy as fast as they can, and what they were told.
struct Crowd {
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
    buying: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    async fn buy_from(server: &Server) -> Crowd {
        let (acknowledged, stop) =
            (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let sku = server.shop().await.sku(1_000_000).await;
        let mut buying = Vec::new();
        for _ in 0..8 {
            let (shop, sku) = (server.shop().await, sku.clone());
            let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
            buying.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let paid = shop.paid(&sku, 1).await;
                    acknowledged.lock().unwrap().insert(paid.id);
                }
            }));
        }
        Crowd { acknowledged, stop, buying }
    }

    fn told_so_far(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn some(&self, count: usize) {
        eventually("some are paid", async || (self.told_so_far().len() >= count).then_some(())).await;
    }

    async fn go(self) {
        self.stop.store(true, Ordering::Relaxed);
        for buyer in self.buying {
            buyer.await.unwrap();
        }
    }
}

/// Whatever was acknowledged before the backup began is in it, nothing is half done, and a server starts from it.
#[tokio::test]
async fn a_backup_under_load_restored_into_an_empty_folder_is_whole() {
    let server = Server::start().await;
    let crowd = Crowd::buy_from(&server).await;
    let folder = TempDir::new().unwrap();
    for words in [&["backup"][..], &["backup", "--remote"]] {
        let remote = words.len() > 1;
        crowd.some(crowd.told_so_far().len() + 40).await;
        let before = crowd.told_so_far();
        let copy = folder.path().join(if remote { "remote.db" } else { "local.db" });
        let name = copy.to_str().unwrap().to_owned();
        let words = [words, &[name.as_str()]].concat();
        let said = if remote { server.operator(&words).await } else { server.command(&words).await };
        let said = said.unwrap();
        crowd.some(before.len() + 8).await;
        assert!(said.contains("holds") && said.contains("bytes"), "{said}");
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        verified(&copy).await;

        let restored = Server::with(Setup { database: Some(copy.clone()), ..Setup::default() }).await;
        let shop = restored.shop().await;
        for order in &before {
            assert_eq!(shop.read_order(order).await.status(), order::Status::Paid, "{order}");
        }
        verified(&restored.path("digota.db")).await;
    }
    crowd.go().await;
    assert!(server.command(&["verify"]).await.unwrap().contains("rules hold"));
}

async fn verified(database: &Path) {
    let command = digota(&["verify", "--database", database.to_str().unwrap()]);
    let (good, said) = tokio::task::spawn_blocking(|| run(command)).await.unwrap();
    assert!(good && said.contains("rules hold"), "{said}");
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_says_what_is_wrong() {
    let server = Server::start().await;
    std::fs::write(server.path("mine"), "mine").unwrap();
    for words in [&["backup", "mine"][..], &["backup", "--remote", "mine"]] {
        let said = server.operator(words).await.unwrap_err();
        assert!(said.contains("is there already"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(server.path("mine")).unwrap(), "mine");
    let said = server.command(&["backup", "nowhere/copy.db"]).await.unwrap_err();
    assert!(said.contains("nowhere"), "{said}");
    let said = server.command(&["backup", "copy.db", "--database", "missing.db"]).await.unwrap_err();
    assert!(said.contains("missing.db"), "{said}");
    assert!(!server.path("copy.db").exists() && !server.path("missing.db").exists());
}
