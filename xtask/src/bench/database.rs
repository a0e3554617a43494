//! Where a row's server keeps its shop: a file, or a database of a PostgreSQL server that was started for the measurement.

use std::cell::LazyCell;
use std::path::PathBuf;

use digota_servers::Postgres;

use super::pgbench;
use super::plan::{Plan, Storage};
use super::stage::Stage;

/// A PostgreSQL server that is started by the first row that needs it, or why there is none.
pub(super) type Lazy = LazyCell<Result<Postgres, String>>;

/// An empty place for a shop.
pub(super) enum Database<'a> {
    Sqlite(PathBuf),
    Postgresql { server: &'a Postgres, name: String },
}

impl<'a> Database<'a> {
    /// The one of a row: no row must pay for what the one before it wrote.
    ///
    /// # Errors
    /// Says why this row can't be measured here.
    pub(super) fn of_row(index: usize, plan: &Plan, stage: &Stage, server: &'a Lazy) -> Result<Self, String> {
        match plan.storage {
            Storage::Sqlite => Ok(Self::Sqlite(stage.path(&format!("shop-{index}.db")))),
            Storage::Postgresql => {
                let server = server.as_ref().map_err(Clone::clone)?;
                Ok(Self::Postgresql { server, name: server.database()? })
            }
        }
    }

    /// What can't be measured of it here.
    pub(super) fn lacks(&self) -> Option<String> {
        match self {
            Self::Postgresql { server, .. } if !pgbench::is_there(server) => {
                Some(format!("pgbench: it does not lie in {}", server.programs().display()))
            }
            _ => None,
        }
    }

    /// What a server's settings say of it.
    pub(super) fn setting(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("storage = {{ handler = \"sqlite\", address = {file:?} }}"),
            Self::Postgresql { server, name } => format!(
                "storage = {{ handler = \"postgresql\", address = {:?}, username = {:?}, password = {:?}, \
                 database = {name:?} }}",
                server.address(),
                Postgres::USER,
                server.password()
            ),
        }
    }
}
