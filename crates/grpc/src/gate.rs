//! The gate before every rpc: who is it, may they, and what became of the call.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use digota_core::access::Principal;
use futures_util::FutureExt;
use http::{Extensions, Request, Response};
use tokio::sync::{OwnedSemaphorePermit as Place, Semaphore};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::{Rpc, Work};
use crate::visit::Visit;
use crate::{Limits, status};

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

/// Puts the gate in front of a service.
#[derive(Clone)]
pub struct GateLayer {
    doors: Arc<dyn Doors>,
    places: Arc<Semaphore>,
}

impl GateLayer {
    /// A gate with these doors, behind which so many short calls may be worked on at once.
    pub fn new(doors: Arc<dyn Doors>, limits: &Limits) -> GateLayer {
        let places = limits.in_flight_max.min(Semaphore::MAX_PERMITS);
        GateLayer { doors, places: Arc::new(Semaphore::new(places)) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, gate: self.clone() }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct Gate<S> {
    inner: S,
    gate: GateLayer,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        let path = request.uri().path().to_owned();
        let (visit, place) = match self.gate.enter(&path, &mut request) {
            Ok(entered) => entered,
            Err((caller, status)) => {
                log(&path, &caller, status.code(), status.message(), started);
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        // The clone that was polled ready serves this call; the fresh one waits for the next.
        let next = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let reply = match AssertUnwindSafe(ready.call(request)).catch_unwind().await {
                Ok(reply) => reply?,
                Err(panic) => status::bug(&panicked(panic.as_ref())).into_http(),
            };
            drop(place);
            let reply = corrected(reply);
            let (code, message) = outcome(&reply);
            log(&path, visit.caller(), code, &message, started);
            Ok(visit.watch_over(reply))
        })
    }
}

impl GateLayer {
    /// Lets a caller in, or says why not. Authorises before anything of the request is looked at.
    fn enter(
        &self,
        path: &str,
        request: &mut Request<Body>,
    ) -> Result<(Visit, Option<Place>), (String, Status)> {
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
        let place = self.place(rpc).map_err(|status| (name(), status))?;
        let visit = Visit::new(rpc, Arc::clone(&principal), Arc::clone(&self.doors), request.extensions());
        request.extensions_mut().insert(rpc);
        request.extensions_mut().insert(principal);
        Ok((visit, place))
    }

    /// A place among the short calls worked on at once; refused at once where there is none.
    fn place(&self, rpc: Rpc) -> Result<Option<Place>, Status> {
        if rpc.work != Work::Short {
            return Ok(None);
        }
        Arc::clone(&self.places).try_acquire_owned().map(Some).map_err(|_| status::overloaded())
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

/// A reply with the code that clients know. Only tonic says that something is out of range: a request too large to be read.
fn corrected(reply: Response<Body>) -> Response<Body> {
    match outcome(&reply) {
        (Code::OutOfRange, _) => status::too_large().into_http(),
        _ => reply,
    }
}

/// The code of a reply that ended with its headers, which every refusal does; OK otherwise.
fn outcome(reply: &Response<Body>) -> (Code, String) {
    let Some(status) = Status::from_header_map(reply.headers()) else { return (Code::Ok, String::new()) };
    (status.code(), status.message().to_owned())
}

/// The target of the lines of calls that end well: there are many.
pub const DONE: &str = "digota_grpc::done";

/// One line per call.
fn log(rpc: &str, caller: &str, code: Code, message: &str, started: Instant) {
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match code {
        Code::Ok => tracing::info!(target: DONE, rpc, caller, ms, "ok"),
        Code::Internal | Code::Unknown | Code::DataLoss => {
            tracing::error!(rpc, caller, ms, code = ?code, detail = message, "failed");
        }
        _ => tracing::info!(rpc, caller, ms, code = ?code, detail = message, "refused"),
    }
}
