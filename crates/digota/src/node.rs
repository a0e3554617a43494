//! What the administration asks of this process: what it is, and a copy of its data.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use digota_core::error::{Error, Reason, Result};
use digota_core::time::Timestamp;
use digota_grpc::admin::{About, Copy, Node};
use digota_storage::sqlite;

/// This process.
pub(crate) struct This {
    started: Timestamp,
    storage: digota_storage::Config,
}

impl This {
    /// Of a server on this storage.
    pub(crate) fn new(started: Timestamp, storage: digota_storage::Config) -> This {
        This { started, storage }
    }
}

#[async_trait]
impl Node for This {
    fn about(&self) -> About {
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            storage: self.storage.handler.clone(),
        }
    }

    async fn copy(&self) -> Result<Copy> {
        if self.storage.handler != "sqlite" {
            let message = "the store is a database server: use its own tools to back it up";
            return Err(Error::refused(Reason::BackupElsewhere, message));
        }
        let from = sqlite::path(&self.storage).to_owned();
        let copied = tokio::task::spawn_blocking(move || copied(&from)).await;
        let file = copied.map_err(|panic| Error::internal(panic.to_string()))??;
        let size = file.metadata().map_err(|error| unavailable(&error))?.len();
        Ok(Copy { size, bytes: Box::pin(tokio::fs::File::from_std(file)) })
    }
}

/// A copy beside the database, where there is room for it if anywhere. It has no name any more and goes when it is closed.
fn copied(from: &Path) -> Result<std::fs::File> {
    let mut name = from.as_os_str().to_owned();
    name.push("-copy");
    let copy = PathBuf::from(name);
    // What a crash left behind.
    let _ = std::fs::remove_file(&copy);
    let _ = std::fs::remove_file(copy.with_added_extension("part"));
    sqlite::copy(from, &copy, |_| ()).map_err(|error| unavailable(&error))?;
    let file = std::fs::File::open(&copy).map_err(|error| unavailable(&error));
    std::fs::remove_file(&copy).map_err(|error| unavailable(&error))?;
    file
}

fn unavailable(cause: &impl std::fmt::Display) -> Error {
    Error::Unavailable {
        what: "a copy of the store".into(),
        retry_after: std::time::Duration::from_secs(60),
        cause: cause.to_string(),
    }
}
