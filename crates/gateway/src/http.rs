//! The way to a gateway over HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::message::{Request, Response};
use crate::transport::{SendError, Transport};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// No answer of a gateway is larger.
const BODY_MAX: usize = 1024 * 1024;

/// One gateway's address, and the connections kept open to it.
#[derive(Debug)]
pub struct Http {
    base: String,
    client: reqwest::Client,
}

/// Why there is no way to a gateway.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is none.
    #[error("{0:?} is not the address of a gateway; http://host:port or https://host is")]
    Address(String),
    /// The client could not be made.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Http {
    /// The way to `base`: scheme, host, perhaps a port and the beginning of all paths.
    ///
    /// # Errors
    /// [`HttpError`] where the address is none, or the system's certificates can't be read.
    pub fn new(base: &str) -> Result<Http, HttpError> {
        let address = reqwest::Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if !address.is_some_and(|url| url.has_host() && url.query().is_none()) {
            return Err(HttpError::Address(base.to_owned()));
        }
        // Somebody else may have chosen the process's cryptography already: that is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("digota/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE_LIMIT)
            .build()
            .map_err(HttpError::Client)?;
        Ok(Http { base: base.trim_end_matches('/').to_owned(), client })
    }
}

/// What the clock of whoever answers at `base` says: the header `Date` of any answer, if one comes in time.
pub async fn date(base: &str, limit: Duration) -> Option<String> {
    let request = Http::new(base).ok()?.client.head(base).timeout(limit).send();
    let response = request.await.ok()?;
    Some(response.headers().get(http::header::DATE)?.to_str().ok()?.to_owned())
}

impl Transport for Http {
    async fn send(&self, request: &Request) -> Result<Response, SendError> {
        let sent = self
            .client
            .request(request.method.clone(), format!("{}{}", self.base, request.path))
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let response = sent.await.map_err(refused)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = whole(response).await?;
        Ok(Response { status, headers, body })
    }
}

/// A connection that was never made carried nothing; any other failure may have come after the request.
fn refused(error: reqwest::Error) -> SendError {
    let text = chain(&error);
    if error.is_connect() || error.is_builder() {
        SendError::NotSent(text)
    } else {
        SendError::MaybeSent(text)
    }
}

async fn whole(mut response: reqwest::Response) -> Result<Bytes, SendError> {
    let mut body = BytesMut::new();
    while let Some(part) = response.chunk().await.map_err(|error| SendError::MaybeSent(chain(&error)))? {
        if body.len() + part.len() > BODY_MAX {
            return Err(SendError::MaybeSent(format!("an answer of more than {BODY_MAX} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
