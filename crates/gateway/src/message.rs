//! Requests and responses as adapters build and read them: whole, in memory, and silent about what they carry.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method};
use serde::Serialize;
use zeroize::Zeroizing;

/// Larger than any request that holds a card, so that no copy of one is left behind by a growing buffer.
const BODY_CAPACITY: usize = 4096;

/// What is sent. May hold card data: its Debug output shows neither headers nor body.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, from the slash after the host.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, wiped from memory after use; may be empty.
    pub body: Bytes,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, path: impl Into<String>) -> Request {
        Request { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The same with this header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.insert(name, value);
        self
    }

    /// The same with this value as its JSON body.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Request {
        let mut text = Zeroizing::new(Vec::with_capacity(BODY_CAPACITY));
        serde_json::to_writer(&mut *text, value).expect("writing our own structs to memory does not fail");
        self.body = Bytes::from_owner(text);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What came back, whole.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// What an operator would want to see of an answer that can't be used. Not yet scrubbed.
    pub fn evidence(&self) -> String {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        format!("HTTP {}: {}", self.status, body.trim())
    }

    /// When to try again, where the gateway said so in whole seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        text.trim().parse().ok().map(Duration::from_secs)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}, {} bytes", self.status, self.body.len())
    }
}
