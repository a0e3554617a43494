//! Who may open a shop's file, and what is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use digota_core::port::Store;
use digota_core::port::store::{CommitError, StoreError};
use digota_storage::sqlite::{OpenError, Sqlite};
use digota_storage::{Config, OpenError as StorageError};

use super::{commit, order, orders};

#[tokio::test]
async fn a_second_writer_is_told_who_has_the_shop() {
    let (_folder, path) = somewhere();
    let shop = Sqlite::open(&path).expect("the shop opens");
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("links can be made");
    for name in [&path, &link] {
        let refused = error(name);
        let pid = std::process::id();
        assert!(refused.contains(&format!("in use by another digota (pid {pid})")), "{refused}");
    }
    assert!(shop.exclusive());
    drop(shop);
    Sqlite::open(&link).expect("it is free again");
}

#[tokio::test]
async fn all_files_of_a_shop_are_closed_to_others() {
    let (_folder, path) = somewhere();
    std::fs::write(&path, "").expect("a file can be made");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("its mode can be set");
    let shop = Sqlite::open(&path).expect("the shop opens");
    commit(&shop, 1, [order(1)]).await.expect("a commit");
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let file = path.with_file_name(format!("shop.db{suffix}"));
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_shop_that_was_lost_is_not_opened_empty() {
    let (_folder, path) = somewhere();
    drop(Sqlite::open(&path).expect("the shop opens"));
    std::fs::write(&path, "").expect("a file can be cut");
    assert!(error(&path).contains("missing or empty although a shop was kept there"));
    std::fs::remove_file(&path).expect("a file can be removed");
    assert!(matches!(Sqlite::open(&path), Err(OpenError::Gone { .. })));
    std::fs::remove_file(path.with_file_name("shop.db-lock")).expect("a file can be removed");
    Sqlite::open(&path).expect("a new shop, as the message says");
}

#[tokio::test]
async fn what_is_no_shop_is_refused_and_left_as_it_is() {
    let (_folder, path) = somewhere();
    let noise = "no database at all, only text that goes on for a while ".repeat(100);
    std::fs::write(&path, &noise).expect("a file can be made");
    assert!(error(&path).contains("it is not a database"));
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), noise);

    let (_folder, path) = somewhere();
    let other = rusqlite::Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE recipes (name TEXT)").expect("a table");
    assert!(error(&path).contains("another program made it"));

    let folder = path.parent().expect("it is in a folder").join("nowhere/shop.db");
    assert!(matches!(Sqlite::open(&folder), Err(OpenError::File { .. })));
    assert!(matches!(Sqlite::open(path.parent().expect("a folder")), Err(OpenError::File { .. })));
}

#[tokio::test]
async fn a_damaged_shop_says_so() {
    let (_folder, path) = somewhere();
    let shop = Sqlite::open(&path).expect("the shop opens");
    commit(&shop, 1, (0..200).map(order)).await.expect("a commit");
    drop(shop);
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[100..4096].fill(0xff);
    std::fs::write(&path, bytes).expect("writable");
    assert!(error(&path).contains("damaged; restore a backup"), "{}", error(&path));
}

#[tokio::test]
async fn a_shop_of_a_later_digota_is_refused() {
    let (_folder, path) = somewhere();
    drop(Sqlite::open(&path).expect("the shop opens"));
    let hand = rusqlite::Connection::open(&path).expect("a database");
    hand.execute_batch("PRAGMA user_version = 1000").expect("a pragma");
    assert!(error(&path).contains("has schema 1000"));
    assert!(matches!(Sqlite::open_read_only(&path), Err(OpenError::Newer { found: 1000, .. })));
    hand.execute_batch("PRAGMA user_version = 0").expect("a pragma");
    assert!(matches!(Sqlite::open_read_only(&path), Err(OpenError::Older { found: 0, .. })));
}

#[tokio::test]
async fn a_reader_sees_a_running_shop_and_changes_nothing() {
    let (_folder, path) = somewhere();
    assert!(matches!(Sqlite::open_read_only(&path), Err(OpenError::Database { .. })), "it makes no file");
    let shop = Sqlite::open(&path).expect("the shop opens");
    let reader = Sqlite::open_read_only(&path).expect("it can be read");
    commit(&shop, 1, [order(1)]).await.expect("a commit");
    assert_eq!(orders(&reader).await, 1);
    assert!(!reader.exclusive());
    let refused = commit(&reader, 2, [order(2)]).await;
    assert!(matches!(refused, Err(CommitError::Failed(StoreError::Unavailable(_)))), "{refused:?}");
    drop(shop);
    assert_eq!(orders(&reader).await, 1, "also once the shop is closed");
}

#[tokio::test]
async fn the_configuration_names_the_adapter() {
    let (_folder, path) = somewhere();
    let address = vec![path.display().to_string()];
    let config =
        Config { handler: "sqlite".into(), address, password: "hunter2".into(), ..Config::default() };
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("shop.db"), "{shown}");
    let shop = digota_storage::open(&config).await.expect("the shop opens");
    assert_eq!(shop.last_position().await, Ok(0));
    let unknown = digota_storage::open(&Config { handler: "slate".into(), ..config }).await;
    let Err(unknown @ StorageError::UnknownHandler { .. }) = unknown else {
        panic!("there is no such adapter")
    };
    assert_eq!(unknown.to_string(), "there is no storage handler \"slate\"; there are: sqlite, postgresql");
}

fn somewhere() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    (folder, path)
}

fn error(path: &Path) -> String {
    match Sqlite::open(path) {
        Ok(_) => panic!("{} must not open", path.display()),
        Err(error) => error.to_string(),
    }
}
