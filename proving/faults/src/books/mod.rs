//! What a store holds, read without the store's code.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, bail};
use clap::ValueEnum;
use digota_oracle::Books;
use digota_oracle::books::Noun;
use serde::Deserialize;
use uuid::Uuid;

mod postgres;
mod sqlite;

/// Where the records are.
const TABLES: [(Noun, &str); 5] = [
    (Noun::Product, "products"),
    (Noun::Sku, "skus"),
    (Noun::Order, "orders"),
    (Noun::Charge, "charges"),
    (Noun::Attempt, "attempts"),
];

/// The storages that a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// A file, for one node
    Sqlite,
    /// A server of its own, started for the run
    Postgresql,
}

/// Where the servers of a run keep their shop.
pub(crate) enum Store {
    File(PathBuf),
    Postgres { server: digota_servers::Postgres, database: String },
}

/// An attempt whose outcome is not known yet.
#[derive(Deserialize)]
pub(crate) struct OpenAttempt {
    pub(crate) id: Uuid,
    /// The node that waits for the gateway's answer.
    pub(crate) owner: Uuid,
}

impl Store {
    /// An empty one; a file lies in this folder.
    pub(crate) fn new(storage: Storage, folder: &Path) -> Result<Store> {
        Ok(match storage {
            Storage::Sqlite => Store::File(folder.join("digota.db")),
            Storage::Postgresql => {
                let server = digota_servers::Postgres::start().map_err(Error::msg)?;
                let database = server.database().map_err(Error::msg)?;
                Store::Postgres { server, database }
            }
        })
    }

    /// What the settings of a server say about it.
    pub(crate) fn settings(&self) -> String {
        match self {
            Store::File(path) => format!("address = {path:?}"),
            Store::Postgres { server, database } => format!(
                "handler = \"postgresql\"\naddress = {:?}\nusername = {:?}\npassword = {:?}\ndatabase = {database:?}",
                server.address(),
                digota_servers::Postgres::USER,
                server.password()
            ),
        }
    }

    /// Everything in it. No node may be running.
    pub(crate) fn books(&self) -> Result<Books> {
        match self {
            Store::File(path) => sqlite::read(&copy(path)?),
            Store::Postgres { server, database } => postgres::read(server, database),
        }
    }

    /// The attempts that are open after a kill. A file must not be in use.
    pub(crate) fn open_attempts(&self) -> Result<Vec<OpenAttempt>> {
        match self {
            Store::File(path) => sqlite::open_attempts(&copy(path)?),
            Store::Postgres { server, database } => postgres::open_attempts(server, database),
        }
    }

    /// How many attempts are open, asked beside a running server.
    pub(crate) fn open_now(&self) -> Result<usize> {
        match self {
            Store::File(path) => Ok(sqlite::open_attempts(path)?.len()),
            Store::Postgres { .. } => Ok(self.open_attempts()?.len()),
        }
    }

    /// The position of the last event, asked beside a running server.
    pub(crate) fn last_event(&self) -> Result<i64> {
        match self {
            Store::File(path) => sqlite::last_event(path),
            Store::Postgres { server, database } => postgres::last_event(server, database),
        }
    }

    /// The schema of a database.
    pub(crate) fn schema(&self) -> Result<i64> {
        match self {
            Store::File(_) => bail!("a file is for one node"),
            Store::Postgres { server, database } => postgres::schema(server, database),
        }
    }

    /// How many attempts of a database are not marked for persons as their documents say; from the second schema on.
    pub(crate) fn wrong_marks(&self) -> Result<usize> {
        match self {
            Store::File(_) => bail!("a file is for one node"),
            Store::Postgres { server, database } => postgres::wrong_marks(server, database),
        }
    }
}

/// A copy of a database with its log: opening the original would recover it, which is the server's to do.
fn copy(path: &Path) -> Result<PathBuf> {
    let folder = path.with_file_name("copy");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir(&folder)?;
    let log = path.with_extension("db-wal");
    for file in [path, &log] {
        if let (true, Some(name)) = (file.exists(), file.file_name()) {
            std::fs::copy(file, folder.join(name))?;
        }
    }
    Ok(folder.join("digota.db"))
}
