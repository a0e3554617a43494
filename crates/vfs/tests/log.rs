//! What others find in the log of a connection that writes each commit at once.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

struct Shop {
    folder: TempDir,
    writer: Connection,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = digota_vfs::name().unwrap();
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let writer = Connection::open_with_flags_and_vfs(folder.path().join("db"), access, name).unwrap();
        let mode: String = writer.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        writer.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0").unwrap();
        writer.execute_batch("CREATE TABLE t (k INTEGER PRIMARY KEY, body BLOB) STRICT").unwrap();
        Self { folder, writer }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    fn add(&self, rows: u32) {
        let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
                   INSERT INTO t (body) SELECT randomblob(1000) FROM n";
        self.writer.execute(sql, [rows]).unwrap();
    }

    /// What whoever opens these files now would find, and whether they are sound: the system's own way.
    fn as_others_see_it(&self) -> (u32, String) {
        let copy = tempfile::tempdir().unwrap();
        for name in ["db", "db-wal"] {
            fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
        }
        rows(&copy.path().join("db"))
    }
}

fn rows(path: &Path) -> (u32, String) {
    let connection = Connection::open(path).unwrap();
    let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    (count, connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap())
}

fn sound(rows: u32) -> (u32, String) {
    (rows, "ok".into())
}

#[test]
fn every_commit_is_in_the_files_when_it_returns() {
    let shop = Shop::new();
    let reader = Connection::open(shop.path()).unwrap();
    for commit in 1..=20 {
        shop.add(7);
        let seen: u32 = reader.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(seen, commit * 7);
        assert_eq!(shop.as_others_see_it(), sound(commit * 7));
    }
}

#[test]
fn a_commit_that_is_longer_than_what_may_wait_is_whole() {
    let shop = Shop::new();
    shop.add(3000);
    assert_eq!(shop.as_others_see_it(), sound(3000));
}

/// A cache of a few pages: SQLite writes pages before the commit, and reads them and writes them again.
#[test]
fn pages_that_left_the_cache_before_the_commit_are_found_again() {
    let shop = Shop::new();
    shop.writer.execute_batch("PRAGMA cache_size = 10; BEGIN").unwrap();
    shop.add(500);
    shop.writer.execute("UPDATE t SET body = randomblob(900)", []).unwrap();
    shop.add(500);
    let seen: u32 = shop.writer.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 1000);
    assert_eq!(shop.as_others_see_it(), sound(0));
    shop.writer.execute_batch("COMMIT").unwrap();
    assert_eq!(shop.as_others_see_it(), sound(1000));
}

#[test]
fn what_was_rolled_back_is_written_over() {
    let shop = Shop::new();
    shop.writer.execute_batch("PRAGMA cache_size = 10").unwrap();
    shop.add(10);
    for _ in 0..3 {
        shop.writer.execute_batch("BEGIN").unwrap();
        shop.add(400);
        shop.writer.execute_batch("SAVEPOINT half").unwrap();
        shop.add(400);
        shop.writer.execute_batch("ROLLBACK TO half; ROLLBACK").unwrap();
        assert_eq!(shop.as_others_see_it(), sound(10));
    }
    shop.add(5);
    assert_eq!(shop.as_others_see_it(), sound(15));
}

#[test]
fn a_log_that_begins_anew_holds_what_came_after() {
    let shop = Shop::new();
    for round in 1..=5 {
        shop.add(100);
        let busy: bool =
            shop.writer.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
        assert!(!busy);
        shop.add(1);
        assert_eq!(shop.as_others_see_it(), sound(round * 101));
    }
}

#[test]
fn closing_leaves_one_sound_file() {
    let shop = Shop::new();
    shop.add(100);
    let Shop { folder, writer } = shop;
    writer.close().unwrap();
    assert!(!folder.path().join("db-wal").exists());
    assert_eq!(rows(&folder.path().join("db")), sound(100));
}
