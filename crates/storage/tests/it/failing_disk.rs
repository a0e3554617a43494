//! A disk that fails while a commit is written.

use std::path::Path;
use std::process::Command;

use digota_core::port::Store;
use digota_core::port::store::{CommitError, Kind, Resolution, StoreError};
use digota_storage::sqlite::Sqlite;

use super::{commit, id, order, orders};

/// Tells the process that runs with a limit on its files which shop to fill.
const SHOP: &str = "DIGOTA_TEST_SHOP";

/// A limit on the size of files makes a write fail in the middle of a commit, which SQLite reports like any error of the
/// disk. It holds for a whole process, so the test starts itself again under it.
#[tokio::test]
async fn a_failed_write_leaves_an_unknown_commit_and_a_stopped_store() {
    if let Some(path) = std::env::var_os(SHOP) {
        return until_the_disk_fails(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("shop.db");
    let name = "failing_disk::a_failed_write_leaves_an_unknown_commit_and_a_stopped_store";
    let limited = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 1000; exec "$0" "$@""#])
        .arg(std::env::current_exe().expect("it runs"))
        .args(["--exact", name, "--nocapture"])
        .env(SHOP, &path)
        .output()
        .expect("there is a shell");
    let said = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success(), "{said}\n{}", String::from_utf8_lossy(&limited.stderr));
    let acknowledged =
        std::fs::read_to_string(path.with_extension("acknowledged")).expect("it says how many");
    let acknowledged: u64 = acknowledged.parse().expect("a number");
    assert!(acknowledged > 0);

    let shop = Sqlite::open(&path).expect("the shop opens again");
    let unknown = shop.resolve(id(u128::from(acknowledged))).await.expect("it can be settled");
    let there = acknowledged + u64::from(unknown == Resolution::Committed);
    assert_eq!(orders(&shop).await, there, "what was acknowledged is there, and what was not is settled");
}

async fn until_the_disk_fails(path: &Path) {
    let shop = Sqlite::open(path).expect("the shop opens");
    let mut done = 0;
    let failed = loop {
        match commit(&shop, done, [order(done)]).await {
            Ok(()) => done += 1,
            Err(error) => break error,
        }
        assert!(done < 100_000, "the limit must bite");
    };
    assert!(matches!(failed, CommitError::Unknown(_)), "{failed:?}");
    let later = commit(&shop, done + 1, [order(done + 1)]).await;
    let Err(CommitError::Failed(StoreError::Unavailable(why))) = later else {
        panic!("it must stop: {later:?}")
    };
    assert!(why.contains("the disk failed") && why.contains("restart"), "{why}");
    assert!(matches!(shop.get(Kind::Order, &[id(0)]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(shop.resolve(id(done)).await, Err(StoreError::Unavailable(_))));
    std::fs::write(path.with_extension("acknowledged"), done.to_string()).expect("a short file fits");
}
