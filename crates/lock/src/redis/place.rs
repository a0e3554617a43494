//! A node's place in the line for a name: asking, waiting, and leaving nothing behind.

use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use digota_core::port::lock::{Lease, LockError};
use redis::{FromRedisValue, Script};
use tokio::time::{Instant, timeout_at};

use super::{Node, jittered};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("keep.lua")));
static GIVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("give.lua")));

/// Between two looks at a name whose bell is not rung; grows from the one to the other.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// The least time that a question is given, however little the caller wants to wait.
const ASK: Duration = Duration::from_millis(100);

/// The most time that is spent on giving back. What could not be given back ends by itself.
const LEAVE: Duration = Duration::from_secs(1);

/// For how long a name that is given back is kept for other nodes that wait for it.
const KEPT_FOR_OTHERS: Duration = Duration::from_millis(25);

/// The only one of this node that asks Redis for this name, until it is dropped.
pub(super) struct Place(Option<Inner>);

struct Inner {
    node: Arc<Node>,
    name: String,
    channel: String,
    token: String,
    /// Whether the token may be in Redis.
    is_asked: bool,
    /// The connection over which releases are listened to.
    listens: Option<u64>,
    /// Those of this node who come later wait for this.
    _turn: Box<dyn Lease>,
}

/// A lease that Redis has granted.
pub(super) struct Grant {
    pub(super) fence: u64,
    /// The lease lives from here: Redis counts from a little later.
    pub(super) asked: Instant,
}

impl Place {
    pub(super) fn new(node: &Arc<Node>, name: &str, turn: Box<dyn Lease>) -> Self {
        Self(Some(Inner {
            node: Arc::clone(node),
            name: format!("{}lock:{name}", node.prefix),
            channel: format!("{}free:{}:{name}", node.prefix, node.database),
            token: node.token(),
            is_asked: false,
            listens: None,
            _turn: turn,
        }))
    }

    fn inner(&mut self) -> &mut Inner {
        self.0.as_mut().expect("only leaving takes it")
    }

    /// Asks until the name is free, at most until then.
    pub(super) async fn wait(&mut self, deadline: Instant) -> Result<Grant, LockError> {
        let inner = self.inner();
        let [mut pause, longest] = PAUSES;
        loop {
            let free = match inner.take(deadline.max(Instant::now() + ASK)).await? {
                Ok(grant) => return Ok(grant),
                Err(free) => free,
            };
            if Instant::now() >= deadline {
                return Err(LockError::Busy);
            }
            if inner.listen(deadline).await? {
                // It may have become free before we listened.
                continue;
            }
            let patience = free.min(jittered(pause));
            pause = longest.min(pause * 2);
            let bell = inner.node.link.bells.hang(&inner.channel);
            let rung = timeout_at(deadline.min(Instant::now() + patience), bell.notified()).await;
            if rung.is_err() && Instant::now() >= deadline {
                return Err(LockError::Busy);
            }
        }
    }

    /// Renews the lease; returns since when it lives, or nothing if it is not ours any more.
    pub(super) async fn keep(&mut self, deadline: Instant) -> Result<Option<Instant>, LockError> {
        let inner = self.inner();
        let mut keep = KEEP.key(&inner.name);
        keep.arg(&inner.token).arg(inner.node.ttl_ms());
        let answer = inner.node.link.run(&keep, deadline).await?;
        Ok((number(&answer.value)? == 1).then_some(answer.asked))
    }

    /// Hears of releases no more.
    pub(super) async fn listen_no_more(&mut self) {
        self.inner().listen_no_more().await;
    }

    /// Gives all back, and returns when that is done.
    pub(super) async fn leave(mut self) {
        if let Some(inner) = self.0.take() {
            inner.leave().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take().filter(|inner| inner.is_asked || inner.listens.is_some()) {
            inner.node.link.runtime.clone().spawn(inner.leave());
        }
    }
}

impl Inner {
    /// Takes the name, or says when it may be free.
    async fn take(&mut self, deadline: Instant) -> Result<Result<Grant, Duration>, LockError> {
        let node = &self.node;
        let mut take = TAKE.key(&self.name);
        take.key(&node.fence_key).arg(&self.token).arg(&node.id).arg(node.ttl_ms()).arg(node.highest_fence());
        // Until the answer is here it may be ours.
        self.is_asked = true;
        let answer = node.link.run(&take, deadline).await?;
        let (is_taken, fence, free): (bool, u64, i64) = read(answer.value)?;
        if is_taken {
            node.note_fence(fence);
            return Ok(Ok(Grant { fence, asked: answer.asked }));
        }
        self.is_asked = false;
        // A key that somebody else made may never end.
        Ok(Err(u64::try_from(free).map_or(PAUSES[1], |ms| Duration::from_millis(ms + 1))))
    }

    /// Listens to releases of the name; says whether it did not before. Who may not listen looks again and again.
    async fn listen(&mut self, deadline: Instant) -> Result<bool, LockError> {
        let mut session = self.node.link.session(deadline).await?;
        if self.listens == Some(session.number) {
            return Ok(false);
        }
        self.node.link.bells.hang(&self.channel);
        self.listens = Some(session.number);
        if let Err(error) = session.connection.subscribe(&self.channel).await {
            tracing::debug!(%error, "releases of locks are not heard of");
        }
        Ok(true)
    }

    async fn listen_no_more(&mut self) {
        let Some(number) = self.listens.take() else { return };
        self.node.link.bells.take_down(&self.channel);
        if let Some(mut session) = self.node.link.current(number) {
            // A connection that is lost listens to nothing.
            let _done = session.connection.unsubscribe(&self.channel).await;
        }
    }

    async fn leave(mut self) {
        if self.is_asked {
            let node = &self.node;
            let mut give = GIVE.key(&self.name);
            give.arg(&self.token).arg(&node.id).arg(&self.channel).arg(ms(KEPT_FOR_OTHERS));
            if let Err(error) = node.link.run(&give, Instant::now() + LEAVE).await {
                tracing::debug!(%error, "a lock was not given back; it ends by itself");
            }
        }
        self.listen_no_more().await;
    }
}

fn read<T: FromRedisValue>(value: redis::Value) -> Result<T, LockError> {
    T::from_redis_value(value).map_err(|error| LockError::Unavailable(format!("Redis answers strangely: {error}")))
}

fn number(value: &redis::Value) -> Result<i64, LockError> {
    read(value.clone())
}

pub(super) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
