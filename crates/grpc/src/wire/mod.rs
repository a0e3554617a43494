//! Between the gate and the handlers: what gRPC asks of a request beyond its content, how long everything may take, and places.
//!
//! tonic serves some requests that gRPC refuses, and gives others a code that gRPC does not. What must differ differs here, so
//! that a handler sees nothing but whole messages, and a client nothing but the codes it knows.

mod headers;
mod message;
mod reply;
mod rest;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use digota_core::port::Clock;
use futures_util::future::{Either, select};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::{Code, Status};
use tower::Service;

pub use reply::Reply;
pub(crate) use rest::let_arrive;

use crate::access::{Rpc, Work};
use crate::crowd::{Share, Stream};
use crate::line::Line;
use crate::status;
use crate::terms::DEFAULT_WAIT;

/// On a reply whose code blames the server, where the caller is to blame.
#[derive(Clone, Copy)]
pub(crate) struct TheirFault;

/// A service behind the wire, for the calls of one connection.
#[derive(Clone)]
pub(crate) struct Wire<S> {
    inner: S,
    line: Arc<Line>,
}

/// Why a request goes no further.
enum Refusal {
    /// It is gRPC, and wrong.
    Status(Status),
    /// It is not gRPC: with the answer of HTTP, for those who know nothing else.
    Http(StatusCode, Status),
}

impl<S> Wire<S> {
    pub(crate) fn new(inner: S, line: Arc<Line>) -> Wire<S> {
        Wire { inner, line }
    }
}

impl<S: Service<Request<Body>, Response = Response<Body>>> Wire<S> {
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    /// Answers a call of this rpc, whose caller may make it.
    pub(crate) async fn answer<B>(
        &mut self,
        rpc: Rpc,
        request: Request<B>,
    ) -> Result<Response<Reply>, S::Error>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let Wire { inner, line } = self;
        let mut call = Call { line, answered: false };
        let reply = match handle(inner, line, rpc, request).await {
            Ok(reply) => reply,
            Err(Refusal::Status(status)) if status.code() == Code::Internal => Ok(malformed()),
            Err(Refusal::Status(status)) => Ok(refuse(status)),
            Err(Refusal::Http(code, status)) => {
                let mut reply = refuse(status);
                *reply.status_mut() = code;
                Ok(reply)
            }
        };
        call.answered = true;
        reply
    }
}

/// What a handler made of a request, or why it never saw it.
async fn handle<S, B>(
    inner: &mut S,
    line: &Arc<Line>,
    rpc: Rpc,
    request: Request<B>,
) -> Result<Result<Response<Reply>, S::Error>, Refusal>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    let share = &line.share;
    let limits = share.limits();
    let (parts, body) = request.into_parts();
    let (wait, place) = match admit(share, rpc, &parts) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            let_arrive(body, share.crowd());
            return Err(refusal);
        }
    };
    if let Some(place) = place {
        let reply = inner.call(Request::from_parts(parts, Body::new(body))).await;
        return Ok(reply.map(|reply| reply.map(|body| Reply::stream(body, place))));
    }
    let time = wait.unwrap_or(DEFAULT_WAIT).min(limits.request_time);
    let message = within(share.clock(), time, message::read(pin!(body), share)).await;
    let message = message.unwrap_or_else(|| Err(status::deadline()))?;
    let request = Request::from_parts(parts, Body::new(Full::new(message)));
    let reply = match rpc.work {
        Work::Stream => {
            let place = share.stream()?;
            let reply = inner.call(request).await;
            return Ok(reply.map(|reply| corrected(reply, |body| Reply::stream(body, place))));
        }
        Work::Short => {
            let _place = share.call()?;
            let most = if rpc.reads() { limits.read_time } else { Duration::MAX };
            let time = wait.unwrap_or(DEFAULT_WAIT).min(most);
            within(share.clock(), time, inner.call(request)).await.ok_or_else(status::deadline)?
        }
        Work::Page => {
            let _place = share.call()?;
            let time = wait.unwrap_or(DEFAULT_WAIT).min(limits.read_time);
            let in_turn = async {
                let _turn = share.page().await;
                inner.call(request).await
            };
            within(share.clock(), time, in_turn).await.ok_or_else(status::deadline)?
        }
        // It minds the caller's deadline itself: who is told what depends on how far the payment is.
        Work::Gateway | Work::Dialogue => inner.call(request).await,
    };
    Ok(reply.map(|reply| corrected(reply, |body| Reply::ended(body, line))))
}

/// What can be said before the message is there: how long the caller waits, and the place of a dialogue. What would be refused
/// is not waited for first: in an overload that is most.
fn admit(share: &Arc<Share>, rpc: Rpc, parts: &Parts) -> Result<(Option<Duration>, Option<Stream>), Refusal> {
    let wait = headers::check(parts)?;
    if matches!(rpc.work, Work::Short | Work::Page) {
        share.room()?;
    }
    share.check(rpc)?;
    let place = if rpc.work == Work::Dialogue { Some(share.stream()?) } else { None };
    Ok((wait, place))
}

/// Runs a future for so long at most. What is ready at once costs no timer.
async fn within<F: Future>(clock: &dyn Clock, time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Poll::Ready(output) = futures_util::poll!(&mut future) {
        return Some(output);
    }
    match select(future, clock.sleep(time)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// A handler's reply. A status without details is tonic's own, of a message that it can't read: its text would tell how the
/// message is built.
fn corrected(reply: Response<Body>, hold: impl FnOnce(Body) -> Reply) -> Response<Reply> {
    if is_tonics_own(reply.headers()) { malformed() } else { reply.map(hold) }
}

/// The answer to bytes that are no message. Its code says that something is wrong inside, and here that is not so.
fn malformed() -> Response<Reply> {
    let mut reply = refuse(status::malformed_message());
    reply.extensions_mut().insert(TheirFault);
    reply
}

fn is_tonics_own(headers: &HeaderMap) -> bool {
    let Some(status) = headers.get("grpc-status") else { return false };
    status.as_bytes() == b"13" && !headers.contains_key("grpc-status-details-bin")
}

/// A reply that is nothing but this status.
pub(crate) fn refuse(status: Status) -> Response<Reply> {
    debug_assert_ne!(status.code(), Code::Ok);
    status.into_http::<Body>().map(Reply::plain)
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal::Status(status)
    }
}

/// A call under way. Where it is dropped before it was answered, its caller hung up.
struct Call<'a> {
    line: &'a Line,
    answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.line.hung_up();
        }
    }
}
