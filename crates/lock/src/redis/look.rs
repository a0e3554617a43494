//! What an operator may want to know of the servers.

use std::fmt::Write as _;

use redis::aio::MultiplexedConnection;
use redis::RedisResult;

use super::error::{OpenError, Refusal};
use super::{address, fence_key, link};
use crate::{Config, Doubt, Look};

/// Looks at the configured servers and changes nothing.
///
/// # Errors
/// As [`super::RedisLock::open`].
pub async fn look(config: &Config) -> Result<Look, OpenError> {
    let mut look = Look::default();
    let mut found = None;
    let mut refusals = Vec::new();
    for host in address::read(config)? {
        match link::connect(&host, |_| Ok(())).await {
            Ok(connection) => {
                found.get_or_insert((host, connection));
            }
            Err(refusal) => refusals.push(refusal),
        }
    }
    let Some((host, mut connection)) = found else {
        return Err(Refusal::sum(refusals).open_error());
    };
    link::may_run_scripts(&mut connection, &host, &fence_key(&config.prefix))
        .await
        .map_err(Refusal::open_error)?;
    look.seen = host.name.clone();
    if host.is_overheard {
        look.doubts.push(Doubt {
            about: "locker.address",
            what: format!("the password goes to {} in plain text", host.name),
            why: "whoever listens on the way can use that Redis server too",
            fix: "use a rediss:// address, or locker.tls = \"on\", and have the server speak TLS",
        });
    }
    // Who may not ask does without.
    if let Ok(info) = info(&mut connection).await {
        if let Some(version) = field(&info, "redis_version") {
            let _infallible = write!(look.seen, ", version {version}");
        }
        look.doubts.extend(evicts(&info));
    }
    Ok(look)
}

async fn info(connection: &mut MultiplexedConnection) -> RedisResult<String> {
    let mut text = String::new();
    for section in ["server", "memory"] {
        text += &redis::cmd("INFO").arg(section).query_async::<String>(connection).await?;
    }
    Ok(text)
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn evicts(info: &str) -> Option<Doubt> {
    let policy = field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction")?;
    field(info, "maxmemory").filter(|bytes| *bytes != "0")?;
    Some(Doubt {
        about: "locker.address",
        what: format!("that server forgets keys when its memory is full (maxmemory-policy {policy})"),
        why: "a lock that is forgotten while it is held makes requests collide instead of wait",
        fix: "give locks a Redis server of their own, or set maxmemory-policy noeviction",
    })
}
