//! A pretend gateway: it decides by test cards, loses what it is told to lose, and keeps its own record of what it did.
//!
//! - [`cards`]: what each test card, token and amount does.
//! - `wire`, `charge`, `api`: its JSON over HTTP. `server`: a listener for it.
//! - `attempt`, `state`: its rules. `entry`, `journal`: its record. `engine`: both together.
//! - `fate`: what happens to a request on its way.
//! - `adapter`: digota's end of the line.

mod adapter;
mod api;
mod attempt;
pub mod cards;
mod charge;
mod engine;
mod entry;
mod fate;
mod journal;
mod options;
mod server;
mod settings;
mod state;
mod wire;

pub use entry::{Entry, Event};
pub use options::Options;
pub use wire::Status;

pub(crate) use settings::open;

use std::future::Future;
use std::io;
use std::sync::Arc;

use digota_core::port::Gateway;
use digota_core::time::Timestamp;
use tokio_util::task::TaskTracker;

use self::adapter::SandboxAdapter;
use self::api::Reply;
use self::cards::UNKNOWN;
use self::engine::Engine;
use self::fate::{Fate, Fates, Loss};
use self::state::Command;
use crate::executor::{Executor, Limits};
use crate::http::{Http, HttpError};
use crate::message::{Request, Response};
use crate::transport::{SendError, Transport};

/// Serves the sandbox on a listener until `shutdown` completes and what is under way has ended.
///
/// # Errors
/// What keeps its record from being opened, or the listener from listening.
pub async fn serve(
    listener: tokio::net::TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    Sandbox::open(options)?.serve(listener, shutdown).await
}

/// A sandbox inside this process, with the usual limits.
///
/// # Errors
/// What keeps its record from being opened.
pub fn in_process(options: Options) -> io::Result<Arc<dyn Gateway>> {
    Ok(Sandbox::open(options)?.gateway(Limits::default()))
}

/// A sandbox in another process.
///
/// # Errors
/// [`HttpError`] where `base_url` is no address.
pub fn remote(base_url: &str, limits: Limits) -> Result<Arc<dyn Gateway>, HttpError> {
    Ok(Arc::new(Executor::new(SandboxAdapter, Http::new(base_url)?, limits)))
}

/// A pretend gateway. Clones are the same one.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    options: Options,
    engine: Engine,
    fates: Fates,
    tasks: TaskTracker,
}

impl Sandbox {
    /// Opens a sandbox with what its record holds.
    ///
    /// # Errors
    /// Where an option is out of range, or the record is in use, unreadable or not a sandbox's.
    pub fn open(options: Options) -> io::Result<Sandbox> {
        if let Some(fault) = options.fault() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, fault));
        }
        let engine = Engine::open(&options)?;
        let fates = Fates::new(&options);
        Ok(Sandbox(Arc::new(Inner { options, engine, fates, tasks: TaskTracker::new() })))
    }

    /// The port to this sandbox, without a socket between.
    pub fn gateway(&self, limits: Limits) -> Arc<dyn Gateway> {
        Arc::new(Executor::new(SandboxAdapter, self.clone(), limits))
    }

    /// Serves its HTTP face on a listener until `shutdown` completes and what is under way has ended.
    ///
    /// # Errors
    /// What keeps the listener from listening.
    pub async fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        server::serve(self.clone(), listener, shutdown).await?;
        self.stop().await;
        Ok(())
    }

    /// Takes nothing new from inside this process, and returns when what is under way has ended.
    pub async fn stop(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The buyer passes or fails the challenge of an attempt, as on the page of its address.
    ///
    /// # Errors
    /// What keeps the record from being written.
    pub async fn challenge(&self, attempt: uuid::Uuid, passed: bool) -> io::Result<()> {
        self.engine().challenge(attempt, passed).await.map(|_| ())
    }

    /// What came from buyers less what went back, in smallest units, whatever the currency.
    pub fn moved(&self) -> i128 {
        self.engine().moved()
    }

    /// Its whole record: one JSON object per line, each an [`Entry`].
    ///
    /// # Errors
    /// What keeps the record from being read.
    pub async fn journal(&self) -> io::Result<Vec<u8>> {
        self.engine().journal().await
    }

    fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    /// Carries a command out in a task of its own: it ends whether or not anybody still waits for it.
    async fn carry_out(&self, command: Command) -> Reply {
        let fate = self.0.fates.draw(command.row.unwrap_or(&UNKNOWN).behaviour);
        let this = self.clone();
        let task = self.0.tasks.spawn(async move { this.suffer(fate, command).await });
        if fate.loss == Loss::AnswerFirst {
            return Reply::Lost;
        }
        task.await.unwrap_or(Reply::Lost)
    }

    async fn suffer(&self, fate: Fate, command: Command) -> Reply {
        let came = self.now();
        self.sleep(fate.effect_after).await;
        if fate.loss == Loss::Request {
            return Reply::Lost;
        }
        let response = api::outcome(self.engine().execute(command).await);
        self.sleep(came.after(fate.answer_after).since(self.now())).await;
        match fate.loss {
            Loss::Nothing => Reply::Answer(response),
            _ => Reply::Lost,
        }
    }

    async fn sleep(&self, span: std::time::Duration) {
        if !span.is_zero() {
            self.0.options.clock.sleep(span).await;
        }
    }
}

/// The way to a sandbox inside the process.
impl Transport for Sandbox {
    async fn send(&self, request: &Request) -> Result<Response, SendError> {
        if self.0.tasks.is_closed() {
            return Err(SendError::NotSent("the sandbox has stopped".to_owned()));
        }
        match self.handle(request).await {
            Reply::Answer(response) => Ok(response),
            Reply::Lost => Err(SendError::MaybeSent("the line went dead".to_owned())),
        }
    }
}
