//! The gate before every rpc: who is it, may they, and what became of the call.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use digota_core::access::Principal;
use futures_util::FutureExt;
use http::{Extensions, Request, Response};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::{Code, Status};
use tower::Service;

use crate::access::Rpc;
use crate::calls::Call;
use crate::crowd::Crowd;
use crate::line::Line;
use crate::status;
use crate::throttle::Throttle;
use crate::visit::Visit;
use crate::wire::{Reply, TheirFault, Wire, let_arrive, refuse};

/// Knows the callers.
pub trait Doors: Send + Sync {
    /// Who is calling, by what the connection left in the request's extensions, as things stand now.
    ///
    /// # Errors
    /// Why the caller is not known.
    fn admit(&self, connection: &Extensions) -> Result<Arc<Principal>, Stranger>;
}

/// Why a caller is not known: text for the caller and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Nobody listed holds this certificate.
    Unlisted(String),
    /// The certificate would not open a connection any more.
    Outdated(String),
}

/// Puts the gate in front of services, for all connections.
#[derive(Clone)]
pub struct GateLayer {
    doors: Arc<dyn Doors>,
    crowd: Arc<Crowd>,
}

impl GateLayer {
    /// A gate with these doors, behind which there is room for this crowd.
    pub fn new(doors: Arc<dyn Doors>, crowd: Arc<Crowd>) -> GateLayer {
        GateLayer { doors, crowd }
    }

    /// What clients keep busy behind this gate.
    pub fn crowd(&self) -> &Arc<Crowd> {
        &self.crowd
    }

    /// A service behind the gate, for the calls of one connection.
    pub fn layer<S>(&self, inner: S, line: Arc<Line>) -> Gate<S> {
        Gate { inner: Wire::new(inner, line), gate: self.clone() }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct Gate<S> {
    inner: Wire<S>,
    gate: GateLayer,
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = Response<Reply>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Reply>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.serve(request)
    }
}

impl<S> Gate<S> {
    /// Answers a call. What is behind the gate has to be ready at any time, as [`Services`](crate::Services) are.
    pub fn serve<B>(&self, mut request: Request<B>) -> <Self as Service<Request<B>>>::Future
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        let started = Instant::now();
        let path = request.uri().path().to_owned();
        let call = Call::begin(&path);
        let (visit, rpc) = match self.gate.enter(&path, &mut request) {
            Ok(entered) => entered,
            Err((caller, status)) => {
                let quiet = &self.gate.crowd.quiet;
                log(quiet, &path, &caller, (status.code(), status.message()), true, started);
                call.end(status.code());
                let_arrive(request.into_body(), &self.gate.crowd);
                return Box::pin(async move { Ok(refuse(status)) });
            }
        };
        let mut ready = self.inner.clone();
        let crowd = Arc::clone(&self.gate.crowd);
        Box::pin(async move {
            let reply = match AssertUnwindSafe(ready.answer(rpc, request)).catch_unwind().await {
                Ok(reply) => reply?,
                Err(panic) => refuse(status::bug(&panicked(panic.as_ref()))),
            };
            let (code, message) = outcome(&reply);
            let theirs = reply.extensions().get::<TheirFault>().is_some();
            log(&crowd.quiet, &path, visit.caller(), (code, &message), theirs, started);
            call.end(code);
            Ok(visit.watch_over(reply, ready.line()))
        })
    }
}

impl GateLayer {
    /// Lets a caller in, or says why not. Authorises before anything of the request is looked at.
    fn enter<B>(&self, path: &str, request: &mut Request<B>) -> Result<(Visit, Rpc), (String, Status)> {
        let principal = self
            .doors
            .admit(request.extensions())
            .map_err(|why| (String::from("-"), status::stranger(why)))?;
        let name = || principal.name.clone();
        let Some(rpc) = Rpc::find(path) else {
            return Err((name(), status::no_such_rpc()));
        };
        if !rpc.is_open_to(&principal) {
            return Err((name(), status::scope_missing(rpc)));
        }
        let visit = Visit::new(rpc, Arc::clone(&principal), Arc::clone(&self.doors), request.extensions());
        request.extensions_mut().insert(rpc);
        request.extensions_mut().insert(principal);
        Ok((visit, rpc))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

/// The code of a reply that ended with its headers, which every refusal does; OK otherwise.
fn outcome(reply: &Response<Reply>) -> (Code, String) {
    let Some(status) = Status::from_header_map(reply.headers()) else { return (Code::Ok, String::new()) };
    (status.code(), status.message().to_owned())
}

/// The target of the lines of calls that end well: there are many.
pub const DONE: &str = "digota_grpc::done";

/// One line per call. Of those refused for want of room or of a name not all: whoever causes them can cause many.
fn log(
    quiet: &Throttle,
    rpc: &str,
    caller: &str,
    (code, message): (Code, &str),
    theirs: bool,
    started: Instant,
) {
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match code {
        Code::Ok => tracing::info!(target: DONE, rpc, caller, ms, "ok"),
        Code::ResourceExhausted | Code::Unauthenticated => {
            if let Some(more) = quiet.admit() {
                tracing::info!(rpc, caller, ms, code = ?code, detail = message, more, "refused");
            }
        }
        Code::Internal | Code::Unknown | Code::DataLoss if !theirs => {
            tracing::error!(rpc, caller, ms, code = ?code, detail = message, "failed");
        }
        _ => tracing::info!(rpc, caller, ms, code = ?code, detail = message, "refused"),
    }
}
