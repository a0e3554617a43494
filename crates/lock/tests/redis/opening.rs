//! Who is let in, by which door, and what is said where that fails.

use std::time::Duration;

use digota_core::port::Lock;
use digota_lock::redis::Pace;
use digota_lock::{Config, OpenError, RedisLock, Tls};
use digota_servers::Redis;

use super::{config, take};

/// Why it can't be opened, the same for starting with it and for looking at it.
async fn refusal(config: &Config) -> String {
    let config = Config { handler: "redis".into(), ..config.clone() };
    let opened = digota_lock::open(&config).await.err().expect("it can't be opened").to_string();
    let looked = digota_lock::look(&config).await.expect_err("it can't be looked at").to_string();
    assert_eq!(opened, looked);
    assert!(!opened.contains("hunter2") && !format!("{config:?}").contains("hunter2"), "{opened}");
    opened
}

pub(super) async fn what_cannot_be_opened_says_why_and_no_secret() {
    let redis = Redis::start_with(&["--requirepass", "hunter2 is the one"]).expect("Redis starts");
    let without = config(&redis);
    let said = refusal(&without).await;
    assert!(said.contains("locker.password") && said.contains("NOAUTH"), "{said}");
    let wrong = Config { password: "hunter2".into(), ..without.clone() };
    let said = refusal(&wrong).await;
    assert!(said.contains("locker.password") && said.contains("WRONGPASS"), "{said}");
    let url = Config { address: format!("redis://:hunter2@{}", redis.address()), ..without.clone() };
    refusal(&url).await;
    let right = Config { password: "hunter2 is the one".into(), ..without.clone() };
    let said = refusal(&Config { database: Some(99), ..right.clone() }).await;
    assert!(said.contains("locker.database"), "{said}");
    RedisLock::open(&right, Pace::default()).await.expect("the lock opens");

    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let said = refusal(&Config { address: format!("redis://:hunter2@{nobody}"), ..without.clone() }).await;
    assert!(said.contains(&nobody.to_string()) && said.contains("refused"), "{said}");
    let said = refusal(&Config { address: "redis://u:hunter2@h:x".into(), ..without.clone() }).await;
    assert!(said.contains("locker.address"), "{said}");
    let unknown = Config { handler: "memcached".into(), ..without };
    assert!(matches!(digota_lock::open(&unknown).await, Err(OpenError::UnknownHandler { .. })));
}

/// The rights that docs/locks.md names.
const RIGHTS: &str = "~digota:* &digota:* +eval +evalsha +script|load +get +set +del +pttl +pexpire +time +publish +subscribe \
                      +unsubscribe";

pub(super) async fn a_user_with_few_rights_is_enough() {
    let redis = Redis::start().expect("Redis starts");
    let rights: Vec<&str> =
        ["ACL", "SETUSER", "shop", "on", ">pw"].into_iter().chain(RIGHTS.split_whitespace()).collect();
    redis.command(&rights).expect("a user is made");
    let config = Config { username: "shop".into(), password: "pw".into(), ..config(&redis) };
    let nodes = [(); 2].map(|()| RedisLock::open(&config, Pace::default()));
    let [one, other] = nodes.map(|node| async { node.await.expect("the lock opens") });
    let (one, other) = tokio::join!(one, other);
    let held = take(&one, "order").await;
    let (next, ()) = tokio::join!(take(&other, "order"), async {
        super::until("it listens", || {
            redis.command(&["PUBSUB", "CHANNELS"]).is_ok_and(|said| !said.is_empty())
        })
        .await;
        held.release().await;
    });
    assert!(next.is_held());
    let elsewhere = Config { prefix: "another:".into(), ..config };
    assert!(refusal(&elsewhere).await.contains("NOPERM"));
}

pub(super) async fn databases_and_prefixes_are_apart() {
    let redis = Redis::start().expect("Redis starts");
    let plain = config(&redis);
    let mut held = Vec::new();
    for config in [
        plain.clone(),
        Config { database: Some(1), ..plain.clone() },
        Config { address: format!("redis://{}/2", redis.address()), ..plain.clone() },
        Config { prefix: "other:".into(), ..plain },
    ] {
        let lock = RedisLock::open(&config, Pace::default()).await.expect("the lock opens");
        held.push(lock.acquire("order", Duration::ZERO).await.expect("nobody else is here"));
    }
}

pub(super) async fn tls_is_spoken_and_the_certificate_verified() {
    let pem = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .expect("a certificate");
    let redis =
        Redis::start_with_tls(&pem.cert.pem(), &pem.signing_key.serialize_pem()).expect("Redis starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ca.crt");
    std::fs::write(&path, pem.cert.pem()).expect("a file");
    let trusting = Tls { on: Some(true), authority: Some(path.clone()) };
    let config = Config { tls: trusting, ..config(&redis) };
    let lock = RedisLock::open(&config, Pace::default()).await.expect("the lock opens");
    take(&lock, "order").await.release().await;
    let by_url = Config {
        address: format!("rediss://{}", redis.address()),
        tls: Tls { on: None, authority: Some(path.clone()) },
        ..config.clone()
    };
    RedisLock::open(&by_url, Pace::default()).await.expect("the lock opens");
    // Nobody else vouches for it.
    let stranger = Config { tls: Tls { on: Some(true), authority: None }, ..config.clone() };
    assert!(RedisLock::open(&stranger, Pace::default()).await.is_err());
    let careless = Config {
        address: format!("rediss://{}/#insecure", redis.address()),
        tls: Tls::default(),
        ..config.clone()
    };
    assert!(RedisLock::open(&careless, Pace::default()).await.is_err());
    std::fs::write(&path, "no certificate").expect("a file");
    assert!(refusal(&config).await.contains("ca.crt"));
}

pub(super) async fn a_look_finds_what_could_be_better() {
    let redis = Redis::start().expect("Redis starts");
    let config = Config { handler: "redis".into(), ..config(&redis) };
    let look = digota_lock::look(&config).await.expect("a look");
    assert!(
        look.seen.contains(&redis.address()) && look.seen.contains("version") && look.doubts.is_empty(),
        "{look:?}"
    );
    redis
        .command(&["CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"])
        .expect("it is set");
    let look = digota_lock::look(&config).await.expect("a look");
    assert!(look.doubts.len() == 1 && look.doubts[0].what.contains("allkeys-lru"), "{look:?}");
    assert_eq!(redis.command(&["DBSIZE"]).as_deref(), Ok("0"), "a look leaves nothing");
}
