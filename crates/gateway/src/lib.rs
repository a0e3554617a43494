//! Adapters of the gateway port, and the sandbox: a gateway that moves no real money.
//!
//! 1. [`message`] and [`adapter`]: what an adapter is. It does no I/O: it builds requests and reads responses.
//! 2. [`transport`] and [`http`]: how requests travel.
//! 3. [`executor`]: makes a [`digota_core::port::Gateway`] of an adapter and a transport, with limits, retries and scrubbing.
//! 4. The adapters: each is a folder, and a word in the list below.

pub mod adapter;
pub mod executor;
pub mod http;
pub mod message;
mod scrub;
pub mod transport;

pub use executor::{Executor, Limits};

use std::sync::Arc;

use digota_core::port::{Clock, Gateway};

/// Declares each adapter's module and how it is opened by its name.
macro_rules! adapters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $($(#[$doc])* pub mod $name;)+

        /// The names of all adapters.
        pub const NAMES: &[&str] = &[$(stringify!($name)),+];

        /// Opens the gateway of this name as its settings say.
        ///
        /// # Errors
        /// [`OpenError`] for a name that is none, settings that it doesn't understand, or what keeps it from opening.
        pub fn open(
            name: &str,
            settings: serde_json::Value,
            clock: Arc<dyn Clock>,
        ) -> Result<Arc<dyn Gateway>, OpenError> {
            match name {
                $(stringify!($name) => $name::open(settings, clock),)+
                other => Err(OpenError::Name(other.to_owned())),
            }
        }
    };
}

adapters! {
    /// Pretends to be a gateway.
    sandbox,
}

/// Why a gateway can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such gateway.
    #[error("there is no gateway {0:?}; there are {list}", list = NAMES.join(", "))]
    Name(String),
    /// Its settings are wrong.
    #[error("settings of the gateway")]
    Settings(#[from] serde_json::Error),
    /// Its address is wrong.
    #[error(transparent)]
    Http(#[from] http::HttpError),
    /// Its record can't be used.
    #[error("record of the gateway")]
    Record(#[from] std::io::Error),
}
