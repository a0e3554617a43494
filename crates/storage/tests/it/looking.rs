//! A look at a shop before it is opened, or while another process has it.

use std::collections::BTreeMap;
use std::path::Path;

use digota_storage::sqlite::Sqlite;
use digota_storage::{Config, Look, look};

use super::{AT, commit, event, order};

async fn looked(path: &Path) -> Result<Look, String> {
    let address = vec![path.display().to_string()];
    let config = Config { handler: "sqlite".into(), address, ..Config::default() };
    look(&config).await.map_err(|error| error.to_string())
}

/// What the files of a folder hold.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries =
        std::fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry"));
    let read = |entry: std::fs::DirEntry| {
        let bytes = std::fs::read(entry.path()).expect("a file can be read");
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    };
    entries.map(read).collect()
}

#[tokio::test]
async fn a_shop_tells_who_has_it_and_when_something_happened_last() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    let nothing = looked(&path).await.expect("nothing to object to");
    assert!(nothing.is_new && nothing.holder.is_none());
    assert!(contents(folder.path()).is_empty(), "a look makes no file");

    let shop = Sqlite::open(&path).expect("the shop opens");
    commit(&shop, 1, [order(1), event(1)]).await.expect("a commit");
    let open = looked(&path).await.expect("it can be looked at");
    assert_eq!(open.holder, Some(std::process::id().to_string()));
    assert!(!open.is_new && !open.is_older);
    assert_eq!(open.newest, Some(AT));
    commit(&shop, 2, [order(2)]).await.expect("nothing of it stands in the way");
    drop(shop);

    let before = contents(folder.path());
    let closed = looked(&path).await.expect("it can be looked at");
    assert_eq!((closed.holder, closed.newest), (None, Some(AT)));
    let after = contents(folder.path());
    assert_eq!(before.get("shop.db"), after.get("shop.db"));
    assert_eq!(before.get("shop.db-lock"), after.get("shop.db-lock"));
    Sqlite::open(&path).expect("it opens as ever");
}

#[tokio::test]
async fn what_can_not_be_opened_is_told_in_the_same_words() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    let missing = looked(&folder.path().join("nowhere/shop.db")).await.expect_err("there is no folder");
    assert!(missing.contains("nowhere/shop.db"), "{missing}");
    std::fs::write(&path, "no database at all, only text that goes on for a while ".repeat(100))
        .expect("a file");
    assert!(looked(&path).await.expect_err("noise").contains("it is not a database"));
    std::fs::remove_file(&path).expect("a file can be removed");
    drop(Sqlite::open(&path).expect("the shop opens"));
    std::fs::remove_file(&path).expect("a file can be removed");
    assert!(looked(&path).await.expect_err("it is gone").contains("although a shop was kept there"));
}
