//! Copies of a shop that is being used.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use digota_storage::sqlite::{OpenError, Progress, Sqlite, copy};

use super::{commit, order, orders};

#[test]
fn a_copy_is_whole_while_the_shop_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (path, target) = (folder.path().join("shop.db"), folder.path().join("copy.db"));
    let shop = Sqlite::open(&path).expect("the shop opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for batch in 0..40u32 {
        let orders = (batch * 200..batch * 200 + 200).map(|n| order(n.into()));
        runtime.block_on(commit(&shop, u128::from(batch) + 1, orders)).expect("a commit");
    }
    let acknowledged = AtomicU64::new(8000);
    let mut steps = 0;
    std::thread::scope(|scope| {
        let (shop, acknowledged) = (&shop, &acknowledged);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let writing = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            for n in 8000u32.. {
                runtime
                    .block_on(commit(shop, u128::from(n) + 1000, [order(n.into())]))
                    .expect("a commit is not disturbed");
                acknowledged.fetch_add(1, Ordering::SeqCst);
                if stopped.try_recv().is_ok() {
                    return;
                }
            }
        });
        let before = acknowledged.load(Ordering::SeqCst);
        let done = copy(&path, &target, |_| {
            steps += 1;
            // Others commit between the steps.
            let seen = acknowledged.load(Ordering::SeqCst);
            while acknowledged.load(Ordering::SeqCst) < seen + 3 {
                std::thread::yield_now();
            }
        });
        let after = acknowledged.load(Ordering::SeqCst);
        let Progress { copied, size } = done.expect("a copy");
        assert!(copied == size && after > before + 3, "the shop went on");
        stop.send(()).expect("it writes");
        writing.join().expect("it wrote");
        let kept = runtime.block_on(orders(&Sqlite::open_read_only(&target).expect("it is a shop")));
        assert!((before..=after).contains(&kept), "{kept} of {before} to {after}");
    });
    assert!(steps > 3, "{steps}");
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("copy"))
        .collect();
    assert_eq!(files, ["copy.db"], "one file, and nothing beside it");
    assert_eq!(mode(&target), 0o600);
}

#[tokio::test]
async fn a_copy_overwrites_nothing_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (path, target) = (folder.path().join("shop.db"), folder.path().join("copy.db"));
    let shop = Sqlite::open(&path).expect("the shop opens");
    std::fs::write(&target, "mine").expect("a file can be made");
    let refused = copy(&path, &target, |_| ()).expect_err("it is there");
    assert!(refused.to_string().contains("it is there already"), "{refused}");
    assert_eq!(std::fs::read_to_string(&target).expect("readable"), "mine");
    assert!(matches!(copy(&path, Path::new("/nowhere/copy.db"), |_| ()), Err(OpenError::File { .. })));
    let missing = folder.path().join("missing.db");
    assert!(matches!(
        copy(&missing, &folder.path().join("other.db"), |_| ()),
        Err(OpenError::Database { .. })
    ));
    assert!(!missing.exists() && !folder.path().join("other.db").exists());
    drop(shop);
}

#[tokio::test]
async fn a_copy_that_is_damaged_is_not_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (path, target) = (folder.path().join("shop.db"), folder.path().join("copy.db"));
    let shop = Sqlite::open(&path).expect("the shop opens");
    commit(&shop, 1, (0..2000).map(order)).await.expect("a commit");
    drop(shop);
    let mut bytes = std::fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xff);
    std::fs::write(&path, bytes).expect("writable");
    let refused = copy(&path, &target, |_| ()).expect_err("it is damaged");
    assert!(refused.to_string().contains("damaged; restore a backup"), "{refused}");
    assert!(!target.exists() && !folder.path().join("copy.db.part").exists());
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
