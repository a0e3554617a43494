//! Ports, disks, gateways, clocks: what can be wrong around a server.

use std::fs;
use std::net::TcpListener;

use jiff::SignedDuration;

use super::skew;
use super::stage::{Stage, free_port};

#[tokio::test]
async fn a_port_that_is_taken() {
    let mut stage = Stage::healthy().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    stage.variables.insert("DIGOTA_ADDRESS".into(), format!("127.0.0.1:{port}"));
    let pid = format!("process {}", std::process::id());
    stage.assert_found("error", "address", &["is taken by", &pid]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_port_that_this_shop_itself_serves_is_none_of_it() {
    let stage = Stage::healthy().await;
    let _server = stage.serve().await;
    stage.assert_content();
    assert!(stage.seen("port").contains("is served by this shop's digota"));
    assert!(stage.seen("storage").contains("in use by a digota"));
}

#[tokio::test]
async fn a_folder_for_the_data_that_is_not_there() {
    let mut stage = Stage::healthy().await;
    stage.edit("data/shop.db", "elsewhere/data/shop.db");
    stage.assert_found(
        "error",
        "storage.address",
        &["elsewhere/data does not exist", "mkdir -p -m 700 elsewhere/data"],
    );
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_folder_for_the_data_that_may_not_be_written() {
    let mut stage = Stage::healthy().await;
    stage.as_somebody_else();
    stage.assert_content();
    stage.set_mode("data", 0o555);
    stage.assert_found("error", "storage.address", &["cannot be written", "chmod u+rwx data"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_folder_that_others_may_write() {
    let mut stage = Stage::healthy().await;
    stage.set_mode("data", 0o777);
    stage.set_mode("certs", 0o770);
    stage.assert_found("warning", "storage.address", &["0777", "chmod go-w data"]);
    stage.assert_found("warning", "tls.key", &["0770", "chmod go-w certs"]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn a_file_that_is_no_shop() {
    let stage = Stage::healthy().await;
    stage.write("data/shop.db", &"no database at all, only text that goes on for a while ".repeat(100));
    stage.assert_found("error", "storage.address", &["it is not a database", "name the file of the shop"]);
    stage.edit("data/shop.db", "data");
    stage.assert_found("error", "storage.address", &["data/digota.db"]);
}

#[tokio::test]
async fn a_storage_that_there_is_not() {
    let mut stage = Stage::healthy().await;
    stage.edit("[storage]", "[storage]\nhandler = \"sqlight\"");
    stage.assert_found("error", "storage.handler", &["there is no storage handler", "sqlite"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_shop_that_was_lost() {
    let mut stage = Stage::healthy().await;
    drop(stage.serve().await);
    fs::remove_file(stage.path("data/shop.db")).unwrap();
    let found = stage.assert_found("error", "storage.address", &["although a shop was kept there"]);
    let told = found.fix[0]["do"].as_str().unwrap();
    stage.sh(told.split('`').nth(1).unwrap());
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_shop_that_others_may_read() {
    let mut stage = Stage::healthy().await;
    drop(stage.serve().await);
    stage.set_mode("data/shop.db", 0o644);
    stage.assert_found("warning", "storage.address", &["0644", "chmod 600 data/shop.db"]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn a_lock_that_there_is_not() {
    let mut stage = Stage::healthy().await;
    stage.variables.insert("DIGOTA_LOCKER_HANDLER".into(), "memcached".into());
    stage.variables.insert("DIGOTA_LOCKER_ADDRESS".into(), "127.0.0.1:11211".into());
    stage.assert_found("error", "locker.handler", &["there is no lock handler", "memory, redis"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_lock_whose_server_does_not_answer() {
    let mut stage = Stage::healthy().await;
    let place = format!("127.0.0.1:{}", free_port());
    stage.variables.insert("DIGOTA_LOCKER_HANDLER".into(), "redis".into());
    stage.variables.insert("DIGOTA_LOCKER_ADDRESS".into(), format!("redis://:hunter2@{place}"));
    let found = stage.assert_found("error", "locker.address", &["no Redis server can be used", &place]);
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_gateway_that_does_not_answer() {
    let mut stage = Stage::healthy().await;
    let place = format!("127.0.0.1:{}", free_port());
    stage.edit(&stage.sandbox.url(), &format!("http://{place}"));
    let advice = format!("digota sandbox --listen {place} &");
    stage.assert_found("error", "payment.0.address", &["does not answer", &advice]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn a_gateway_that_there_is_not() {
    let mut stage = Stage::healthy().await;
    stage.edit("provider = \"sandbox\"", "provider = \"sandbxo\"");
    stage.assert_found("error", "payment.0.provider", &["no such payment provider"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off() {
    for hours in [1, -1] {
        let stage = Stage::healthy().await;
        let (set, forward) = (stage.path("clock-is-set"), SignedDuration::from_hours(hours));
        let proxy = skew::between(stage.sandbox.url(), forward, set).await;
        stage.edit(&stage.sandbox.url(), &format!("http://{proxy}"));
        stage.install("timedatectl", "test \"$*\" = 'set-ntp true' && touch clock-is-set");
        let seen = tokio::task::spawn_blocking(move || {
            let mut stage = stage;
            let way = if hours > 0 { "behind" } else { "ahead of" };
            stage.assert_found(
                "error",
                "the clock of this machine",
                &[way, "gateway of payment.0", "timedatectl"],
            );
            stage.follow_the_advice();
            stage.seen("clock")
        });
        let seen = seen.await.unwrap();
        assert!(seen.contains("as the gateway of payment.0 have it"), "{seen}");
    }
}

#[tokio::test]
async fn a_server_without_tls() {
    let mut stage = Stage::healthy().await;
    stage.edit("[tls]", "insecure = true\n\n[tls]");
    stage.assert_found("warning", "insecure", &["everybody on this machine", "insecure = false"]);
    stage.follow_the_advice();
    let mut stage = Stage::healthy().await;
    stage.variables.insert("DIGOTA_INSECURE".into(), "true".into());
    stage.edit("127.0.0.1", "0.0.0.0");
    stage.assert_found("error", "insecure", &["DIGOTA_INSECURE_PUBLIC"]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn too_few_files_for_the_connections() {
    let mut stage = Stage::healthy().await;
    stage.before = "ulimit -n 256";
    stage.assert_found("warning", "limits.connections_max", &["256 files", "128"]);
    stage.follow_the_advice();
}
