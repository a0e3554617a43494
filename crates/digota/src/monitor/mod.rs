//! What a machine that watches over the server asks: is it alive, is it ready, and how does it do.
//!
//! - [`Monitor`] answers on an address of its own. `ready` says whether calls can be served.
//! - `page` is all numbers in the text format of Prometheus, by `pen`. They come from `digota_grpc::calls`, from the store, and
//!   from here: [`gateway`] measures what payment gateways answer, [`tally`] counts what else happens, `process` asks the system.

mod gateway;
mod page;
mod pen;
mod process;
mod ready;
pub(crate) mod tally;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use digota_core::shop::Shop;
use digota_core::time::Timestamp;
use tokio::task::AbortHandle;

pub(crate) use gateway::Measured;

use crate::config::Listen;
use crate::doors::Entrance;
use crate::lines::Lines;

/// What the answers are about.
pub(crate) struct Server {
    /// Its shop.
    pub(crate) shop: Arc<Shop>,
    /// What is in force at its door; `None` without TLS.
    pub(crate) entrance: Option<Entrance>,
    /// Its connections.
    pub(crate) lines: Arc<Lines>,
    /// When it was started.
    pub(crate) started: Timestamp,
}

struct Watched {
    server: Server,
    draining: AtomicBool,
}

/// The listener. It ends when it is dropped.
pub(crate) struct Monitor {
    watched: Arc<Watched>,
    serving: AbortHandle,
}

impl Monitor {
    /// Answers from now on.
    pub(crate) async fn start(address: &Listen, server: Server) -> anyhow::Result<Monitor> {
        let socket = crate::lines::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}, which is monitor.address"))?;
        let bound: SocketAddr = socket.local_addr()?;
        let watched = Arc::new(Watched { server, draining: AtomicBool::new(false) });
        let router = Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(Arc::clone(&watched));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, router).await {
                tracing::error!(%error, "the monitor ended");
            }
        });
        tracing::info!(address = %bound, "monitor listening");
        Ok(Monitor { watched, serving: serving.abort_handle() })
    }

    /// Says from now on that no new calls should come.
    pub(crate) fn drain(&self) {
        self.watched.draining.store(true, Ordering::Relaxed);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn readyz(State(watched): State<Arc<Watched>>) -> impl IntoResponse {
    if watched.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: the server is about to stop\n".to_owned());
    }
    match ready::check(&watched.server.shop).await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}

async fn metrics(State(watched): State<Arc<Watched>>) -> impl IntoResponse {
    match page::page(&watched.server).await {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, page::FORMAT)], text),
        Err(error) => {
            tracing::error!(%error, "the metrics can't be written");
            (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], String::new())
        }
    }
}
