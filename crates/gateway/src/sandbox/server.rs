//! The sandbox's HTTP face: a listener around the same handler that is called in process.

use std::future::Future;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;

use super::Sandbox;
use super::api::Reply;
use crate::message::Request;

const BODY_MAX: usize = 64 * 1024;

/// Serves until `shutdown` completes and the open connections have been answered.
pub(super) async fn serve(
    sandbox: Sandbox,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    sandbox.engine().reached_at(&format!("http://{}", listener.local_addr()?));
    let listener = listener.tap_io(|stream| {
        // Without it answers wait for the client's acknowledgements; if it fails they only come later.
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new().fallback(face).with_state(sandbox);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn face(
    State(sandbox): State<Sandbox>,
    request: axum::extract::Request,
) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else { return plain(413) };
    let request = Request { method: parts.method, path, headers: parts.headers, body };
    match sandbox.handle(&request).await {
        Reply::Answer(answer) => {
            let mut response = plain(answer.status);
            *response.headers_mut() = answer.headers;
            *response.body_mut() = Body::from(answer.body);
            response
        }
        Reply::Lost => dead_line(),
    }
}

/// A body that fails at once: the connection is cut before a whole answer was sent.
fn dead_line() -> http::Response<Body> {
    let cut = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("lost")) });
    http::Response::new(Body::from_stream(cut))
}

fn plain(status: u16) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}
