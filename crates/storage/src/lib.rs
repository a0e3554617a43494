//! Adapters of the store port. Each is a folder here and one word in the list below.

use std::path::PathBuf;
use std::sync::Arc;

use digota_core::port::Store;
use digota_core::time::Timestamp;

mod busy;
mod condition;
mod counter;
mod ledger;
mod recent;

/// Lists the adapters: a module each, picked by the name that the configuration has for it.
macro_rules! adapters {
    ($($(#[$doc:meta])* $name:ident as $handler:literal),+ $(,)?) => {
        $($(#[$doc])* pub mod $name;)+

        /// The adapters, as the configuration names them.
        pub const ADAPTERS: &[&str] = &[$($handler),+];

        /// Opens the storage that the configuration names, and brings it to the schema of this digota.
        ///
        /// # Errors
        /// Says in words for the operator why it can't be opened.
        pub async fn open(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
            adapter!(config, open, $($name as $handler),+)
        }

        /// Opens the storage that the configuration names for reading only, also while nodes use it.
        ///
        /// # Errors
        /// Says in words for the operator why it can't be opened.
        pub async fn open_read_only(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
            adapter!(config, open_read_only, $($name as $handler),+)
        }

        /// The schema of the storage that the configuration names. Changes nothing.
        ///
        /// # Errors
        /// Says in words for the operator why it can't be read.
        pub async fn schema(config: &Config) -> Result<Schema, OpenError> {
            adapter!(config, schema, $($name as $handler),+)
        }

        /// Looks at the storage that the configuration names, and changes nothing.
        ///
        /// # Errors
        /// Says in words for the operator why it could not be opened.
        pub async fn look(config: &Config) -> Result<Look, OpenError> {
            adapter!(config, look, $($name as $handler),+)
        }
    };
}

/// Calls a function of the adapter that the configuration names.
macro_rules! adapter {
    ($config:ident, $function:ident, $($name:ident as $handler:literal),+) => {
        match $config.handler.as_str() {
            $($handler => {
                $name::$function($config).await.map_err(|error| OpenError::Adapter(Box::new(error)))
            })+
            other => Err(OpenError::UnknownHandler { handler: other.to_owned() }),
        }
    };
}

adapters! {
    /// One file, no server.
    sqlite as "sqlite",
    /// A server that several nodes share.
    postgres as "postgresql",
}

/// Which schema a storage has, and which this digota needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// What it has; 0 where it is empty.
    pub found: usize,
    /// What this digota needs.
    pub needed: usize,
}

/// Where the shop is kept.
#[derive(Clone, Default)]
pub struct Config {
    /// Which adapter; one of [`ADAPTERS`].
    pub handler: String,
    /// Where it is: a file for `sqlite`, hosts for servers.
    pub address: Vec<String>,
    /// Who we are to a server; empty if it does not ask.
    pub username: String,
    /// What proves it.
    pub password: String,
    /// Which of a server's databases.
    pub database: String,
    /// How connections to a server are protected.
    pub tls: Tls,
}

/// How connections to a server are protected.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether TLS is spoken, with the server's certificate verified. Not said: wherever the server is on another machine.
    pub on: Option<bool>,
    /// The certificates of the CAs that may sign the server's, in PEM form; the system's where there is no file.
    pub authority: Option<PathBuf>,
}

impl std::fmt::Debug for Config {
    /// Without the address, which may be a URL with a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("handler", &self.handler)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// What a look at a storage found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether there is no shop yet, so that the next start makes an empty one.
    pub is_new: bool,
    /// Whether an earlier digota made it, so that the next start migrates it.
    pub is_older: bool,
    /// When the newest event happened, by the clock of who wrote it.
    pub newest: Option<Timestamp>,
    /// The time by the clock of the storage's server, if it has one.
    pub clock: Option<Timestamp>,
    /// The process that writes to it, where only one can.
    pub holder: Option<String>,
    /// The file that it is, if it is one.
    pub file: Option<PathBuf>,
}

/// Why no storage was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no adapter of that name.
    #[error("there is no storage handler {handler:?}; there are: {}", ADAPTERS.join(", "))]
    UnknownHandler {
        /// The name.
        handler: String,
    },
    /// The adapter can't open it.
    #[error(transparent)]
    Adapter(Box<dyn std::error::Error + Send + Sync>),
}
