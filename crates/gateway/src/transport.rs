//! How requests get to a gateway and responses back.

use std::future::Future;

use crate::message::{Request, Response};

/// Sends a request and waits for the whole response.
pub trait Transport: Send + Sync + 'static {
    /// One try, without a time limit of its own beyond connecting.
    ///
    /// # Errors
    /// [`SendError::NotSent`] only where no byte of the request can have arrived.
    fn send(&self, request: &Request) -> impl Future<Output = Result<Response, SendError>> + Send;
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No byte was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes may have arrived, and may have been acted on.
    #[error("sent, but no answer: {0}")]
    MaybeSent(String),
}
