//! What Redis says, in the words of the port and of an operator.

use std::path::PathBuf;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a lock in Redis could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("locker.address is not an address of Redis: {0}; write host:port, several with commas, or a redis:// or rediss:// URL")]
    Address(String),
    /// No server answers that takes writes.
    #[error("no Redis server can be used: {0}")]
    Connect(String),
    /// A server answers but does not let us in.
    #[error("Redis does not let us in: {0}; see locker.username, locker.password, locker.database and the server's ACL")]
    Refused(String),
    /// A server is too old.
    #[error("{0} is older than Redis 6, which digota needs")]
    TooOld(String),
    /// A file of the TLS settings can't be used.
    #[error("can't use {}: {why}", .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Why one server can't be used.
pub(super) enum Refusal {
    /// It does not answer, or takes no writes just now.
    Away(String),
    /// It answers and will not let us in until somebody changes something.
    Closed(String),
    /// It is too old.
    Old(String),
}

impl Refusal {
    pub(super) fn of(host: &str, error: &RedisError) -> Self {
        let text = format!("{host}: {}", explain(error));
        match error.kind() {
            ErrorKind::RESP3NotSupported => Self::Old(host.to_owned()),
            _ if is_lost(error) => Self::Away(text),
            _ => Self::Closed(text),
        }
    }

    /// Of several refusals: what somebody must change comes first; servers that are just away are all named.
    pub(super) fn sum(mut refusals: Vec<Self>) -> Self {
        match refusals.iter().position(|refusal| !matches!(refusal, Self::Away(_))) {
            Some(at) => refusals.swap_remove(at),
            None => Self::Away(refusals.iter().map(Self::text).collect::<Vec<_>>().join("; ")),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Away(text) | Self::Closed(text) => text.clone(),
            Self::Old(host) => OpenError::TooOld(host.clone()).to_string(),
        }
    }

    pub(super) fn open_error(self) -> OpenError {
        match self {
            Self::Away(text) => OpenError::Connect(text),
            Self::Closed(text) => OpenError::Refused(text),
            Self::Old(host) => OpenError::TooOld(host),
        }
    }
}

/// Whether the connection is gone, or leads to a server that can't help: on another one the same may succeed.
pub(super) fn is_lost(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
    let passing = [BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain];
    let is_passing = matches!(error.kind(), ErrorKind::Server(kind) if passing.contains(&kind));
    is_passing || error.is_io_error() || error.is_unrecoverable_error()
}

/// The error for an operator.
pub(super) fn explain(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}
