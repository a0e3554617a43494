//! A place for a connection that is made again when it was lost.

use std::sync::Arc;
use std::time::Duration;

use digota_core::port::store::StoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address;
use super::error::explain;
use super::session::Session;

/// How long a failure to connect is told to all who ask, before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// How long connecting to all hosts and setting up may take.
const LIMIT: Duration = Duration::from_secs(15);

/// A server, and how to reach it.
pub(super) struct Server {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl Server {
    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Session, String> {
        match tokio::time::timeout(LIMIT, Session::connect(&self.config, self.tls.as_ref())).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }
}

/// When a connection's statements are planned.
#[derive(Clone, Copy)]
pub(super) enum Plans {
    /// As [`Session::plan_once`].
    Once,
    /// When the server sees fit.
    Anew,
}

/// One connection, or none for the moment.
pub(super) struct Link {
    server: Arc<Server>,
    plans: Plans,
    place: Mutex<Place>,
}

#[derive(Default)]
struct Place {
    session: Option<Arc<Session>>,
    failure: Option<(Instant, String)>,
}

impl Link {
    pub(super) fn new(server: Arc<Server>, plans: Plans) -> Self {
        Self { server, plans, place: Mutex::default() }
    }

    /// The connection; a new one if it was lost.
    pub(super) async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut place = self.place.lock().await;
        if let Some(session) = place.session.as_ref().filter(|session| !session.is_closed()) {
            return Ok(Arc::clone(session));
        }
        place.session = None;
        if let Some((_, why)) = place.failure.as_ref().filter(|(at, _)| at.elapsed() < PAUSE) {
            return Err(StoreError::Unavailable(why.clone()));
        }
        match self.connect().await {
            Ok(session) => {
                let session = Arc::new(session);
                (place.session, place.failure) = (Some(Arc::clone(&session)), None);
                Ok(session)
            }
            Err(why) => {
                let why = format!("PostgreSQL at {}: {why}", address::shown(&self.server.config));
                tracing::warn!(why, "the storage can't be reached");
                place.failure = Some((Instant::now(), why.clone()));
                Err(StoreError::Unavailable(why))
            }
        }
    }

    async fn connect(&self) -> Result<Session, String> {
        let session = self.server.connect().await?;
        if let Plans::Once = self.plans {
            session.plan_once().await.map_err(|error| explain(&error))?;
        }
        Ok(session)
    }

    /// Gives up this connection, if it is still the one.
    pub(super) async fn abandon(&self, session: &Arc<Session>) {
        let mut place = self.place.lock().await;
        if place.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            place.session = None;
        }
    }
}
