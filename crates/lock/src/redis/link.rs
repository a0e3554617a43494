//! One connection for all that a node asks, made again when it is lost.
//!
//! In the first moments of an outage callers wait: a restart or a failover costs them no more than that. Later they are
//! told at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use digota_core::port::lock::LockError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, ScriptInvocation, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::address::Host;
use super::bells::Bells;
use super::jittered;
use super::error::{Refusal, explain, is_lost};

/// How long connecting to one server may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// How long after the start of an outage callers wait for its end.
const HOPE: Duration = Duration::from_secs(2);

/// Between two attempts to connect; grows from the one to the other.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// The way to the server that takes writes.
pub(super) struct Link {
    hosts: Vec<Host>,
    state: watch::Sender<State>,
    /// Rung when a name is given back, and all when the connection is another one.
    pub(super) bells: Bells,
    /// Where tasks go on when nobody waits for them.
    pub(super) runtime: Handle,
    connections: AtomicU64,
    this: Weak<Link>,
}

#[derive(Clone)]
enum State {
    Up(Session),
    Down { since: Instant, why: String },
}

/// A connection, and its number.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) connection: MultiplexedConnection,
    pub(super) number: u64,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) value: Value,
    /// When the question left.
    pub(super) asked: Instant,
}

impl Link {
    /// Connects, and sees that we may run scripts on this key.
    pub(super) async fn open(hosts: Vec<Host>, key: &str) -> Result<Arc<Self>, Refusal> {
        let down = State::Down { since: Instant::now(), why: "not connected yet".to_owned() };
        let link = Arc::new_cyclic(|this| Self {
            hosts,
            state: watch::Sender::new(down),
            bells: Bells::default(),
            runtime: Handle::current(),
            connections: AtomicU64::new(0),
            this: this.clone(),
        });
        let (mut session, host) = link.connect().await?;
        may_run_scripts(&mut session.connection, host, key).await?;
        link.state.send_replace(State::Up(session));
        Ok(link)
    }

    /// Runs a script. It may run twice, if the connection was lost before it was answered.
    pub(super) async fn run(&self, script: &ScriptInvocation<'_>, deadline: Instant) -> Result<Answer, LockError> {
        loop {
            let mut session = self.session(deadline).await?;
            let asked = Instant::now();
            let answer: RedisResult<Value> =
                match timeout_at(deadline, script.invoke_async(&mut session.connection)).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(LockError::Unavailable("Redis does not answer in time".into())),
                };
            match answer {
                Ok(value) => return Ok(Answer { value, asked }),
                Err(error) if is_lost(&error) => self.lose(session.number, &explain(&error)),
                Err(error) => return Err(LockError::Unavailable(format!("Redis: {}", explain(&error)))),
            }
        }
    }

    /// Fails if an outage has lasted too long to be hoped away.
    pub(super) fn check(&self) -> Result<(), LockError> {
        match &*self.state.borrow() {
            State::Down { since, why } if since.elapsed() >= HOPE => Err(LockError::Unavailable(why.clone())),
            _ => Ok(()),
        }
    }

    /// The connection of this number, if it is still in use.
    pub(super) fn current(&self, number: u64) -> Option<Session> {
        match &*self.state.borrow() {
            State::Up(session) if session.number == number => Some(session.clone()),
            _ => None,
        }
    }

    /// The connection, once there is one.
    pub(super) async fn session(&self, deadline: Instant) -> Result<Session, LockError> {
        let mut states = self.state.subscribe();
        loop {
            let state = states.borrow_and_update().clone();
            let (since, why) = match state {
                State::Up(session) => return Ok(session),
                State::Down { since, why } => (since, why),
            };
            if timeout_at(deadline.min(since + HOPE), states.changed()).await.is_err() {
                return Err(LockError::Unavailable(why));
            }
        }
    }

    /// Gives up this connection, if it is still the one, and makes another.
    fn lose(&self, number: u64, why: &str) {
        let lost = self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(session) if session.number == number);
            if is_it {
                *state = State::Down { since: Instant::now(), why: format!("the connection to Redis was lost: {why}") };
            }
            is_it
        });
        if lost {
            tracing::warn!(why, "lost the connection to the lock service");
            self.runtime.spawn(reconnect(self.this.clone()));
        }
    }

    async fn connect(&self) -> Result<(Session, &Host), Refusal> {
        let mut refusals = Vec::new();
        for host in &self.hosts {
            let number = self.connections.fetch_add(1, Ordering::Relaxed);
            match connect(host, self.push(number)).await {
                Ok(connection) => return Ok((Session { connection, number }, host)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(Refusal::sum(refusals))
    }

    /// What is done with what the server says unasked.
    fn push(&self, number: u64) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
        let link = self.this.clone();
        move |info| {
            let link = link.upgrade().ok_or(())?;
            match (info.kind, info.data.first()) {
                (PushKind::Message, Some(Value::BulkString(channel))) => link.bells.ring(channel),
                (PushKind::Disconnection, _) => link.lose(number, "it was closed"),
                _ => {}
            }
            Ok(())
        }
    }
}

/// Connects to a server that takes writes.
pub(super) async fn connect(
    host: &Host,
    push: impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
) -> Result<MultiplexedConnection, Refusal> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_push_sender(push);
    let refused = |error| Refusal::of(&host.name, &error);
    let mut connection = host.client.get_multiplexed_async_connection_with_config(&config).await.map_err(refused)?;
    let role: RedisResult<Vec<Value>> = redis::cmd("ROLE").query_async(&mut connection).await;
    match role {
        Ok(role) if matches!(role.first(), Some(Value::BulkString(role)) if role != b"master") => {
            Err(Refusal::Away(format!("{}: is a replica", host.name)))
        }
        Err(error) if is_lost(&error) => Err(refused(error)),
        // Who may not ask finds out by the first write.
        _ => Ok(connection),
    }
}

/// Reads a key by a script, as taking a name does.
pub(super) async fn may_run_scripts(
    connection: &mut MultiplexedConnection,
    host: &Host,
    key: &str,
) -> Result<(), Refusal> {
    let mut eval = redis::cmd("EVAL");
    eval.arg("return redis.call('GET', KEYS[1])").arg(1).arg(key);
    let read = eval.query_async::<Value>(connection).await;
    read.map(drop).map_err(|error| Refusal::of(&host.name, &error))
}

async fn reconnect(link: Weak<Link>) {
    let [mut pause, longest] = PAUSES;
    loop {
        sleep(jittered(pause)).await;
        pause = longest.min(pause * 2);
        let Some(link) = link.upgrade() else { return };
        match link.connect().await {
            Ok((session, _)) => {
                tracing::info!("the lock service can be reached again");
                link.state.send_replace(State::Up(session));
                return link.bells.ring_all();
            }
            Err(refusal) => {
                let text = format!("no Redis server can be used: {}", refusal.text());
                link.state.send_modify(|state| {
                    if let State::Down { why, .. } = state {
                        *why = text;
                    }
                });
            }
        }
    }
}
