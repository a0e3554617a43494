//! Adapters of the lock port. Each is a folder here and one word in the list below.

use std::path::PathBuf;
use std::sync::Arc;

use digota_core::port::Lock;

/// Lists the adapters: a module each, picked by the name that the configuration has for it.
macro_rules! adapters {
    ($($(#[$doc:meta])* $name:ident as $handler:literal),+ $(,)?) => {
        $($(#[$doc])* pub mod $name;)+

        /// The adapters, as the configuration names them.
        pub const ADAPTERS: &[&str] = &[$($handler),+];

        /// Opens the lock that the configuration names.
        ///
        /// # Errors
        /// Says in words for the operator why it can't be opened.
        pub async fn open(config: &Config) -> Result<Arc<dyn Lock>, OpenError> {
            match config.handler.as_str() {
                $($handler => $name::open(config).await.map_err(OpenError::adapter),)+
                other => Err(OpenError::UnknownHandler { handler: other.to_owned() }),
            }
        }

        /// Looks at the lock that the configuration names, and changes nothing.
        ///
        /// # Errors
        /// Says in words for the operator why it could not be opened.
        pub async fn look(config: &Config) -> Result<Look, OpenError> {
            match config.handler.as_str() {
                $($handler => $name::look(config).await.map_err(OpenError::adapter),)+
                other => Err(OpenError::UnknownHandler { handler: other.to_owned() }),
            }
        }
    };
}

adapters! {
    /// Within one process.
    memory as "memory",
    /// A Redis server that several nodes share.
    redis as "redis",
}

pub use self::memory::MemoryLock;
pub use self::redis::RedisLock;

/// Where the lock is kept.
#[derive(Clone, Default)]
pub struct Config {
    /// Which adapter; one of [`ADAPTERS`].
    pub handler: String,
    /// Where its server is; empty where there is none.
    pub address: String,
    /// Who we are to a server; empty if it does not ask.
    pub username: String,
    /// What proves it.
    pub password: String,
    /// Which of a server's databases, where they have numbers.
    pub database: Option<u32>,
    /// What every key at a server begins with.
    pub prefix: String,
    /// How connections to a server are protected.
    pub tls: Tls,
}

/// How connections to a server are protected.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether TLS is spoken, with the server's certificate verified. Not said: what the address says, else not.
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
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// What a look at a lock found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What is there, in a few words.
    pub seen: String,
    /// What works, but not as well as it could.
    pub doubts: Vec<Doubt>,
}

/// Something that a look found wanting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The setting that it is about.
    pub about: &'static str,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// Why no lock was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no adapter of that name.
    #[error("there is no lock handler {handler:?}; there are: {}", ADAPTERS.join(", "))]
    UnknownHandler {
        /// The name.
        handler: String,
    },
    /// The adapter can't open it.
    #[error(transparent)]
    Adapter(Box<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    fn adapter(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Adapter(Box::new(error))
    }
}
