//! What machines that watch over a server are told.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use digota_proto::orderpb::order;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Server, Setup, by_token, eventually};

/// A server that is watched, and where.
async fn watched(setup: Setup) -> (Server, SocketAddr) {
    let setup = Setup { settings: "monitor.address = \"127.0.0.1:0\"", ..setup };
    let mut server = Server::with(setup).await;
    let address = server.process.address("monitor listening").await;
    (server, address)
}

/// Status and body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: monitor\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split_whitespace().nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn metrics(address: SocketAddr) -> String {
    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    text
}

/// The value of a sample by its name and labels.
#[track_caller]
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn calls_payments_and_the_process_are_counted() {
    let (server, address) = watched(Setup::default()).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    shop.paid(&sku, 1).await;
    shop.pay_by(by_token(&shop.order(&sku, 1).await, "card_declined")).await.unwrap_err();
    let waiting = by_token(&shop.order(&sku, 1).await, "challenge");
    shop.pay_by(digota_proto::orderpb::PayRequest { allow_pending: true, ..waiting }).await.unwrap();
    let text = metrics(address).await;
    let pay = "service=\"orderpb.OrderService\",method=\"Pay\"";
    assert_eq!(value(&text, &format!("digota_rpc_calls_total{{{pay},code=\"OK\"}}")), 2.0);
    assert_eq!(value(&text, &format!("digota_rpc_calls_total{{{pay},code=\"FAILED_PRECONDITION\"}}")), 1.0);
    assert_eq!(value(&text, &format!("digota_rpc_duration_seconds_count{{{pay}}}")), 3.0);
    assert_eq!(value(&text, &format!("digota_rpc_duration_seconds_bucket{{{pay},le=\"+Inf\"}}")), 3.0);
    assert_eq!(value(&text, &format!("digota_rpc_in_flight{{{pay}}}")), 0.0);
    let charge = "provider=\"Sandbox\",op=\"charge\"";
    for outcome in ["succeeded", "declined", "requires_action"] {
        let sample = format!("digota_gateway_requests_total{{{charge},outcome=\"{outcome}\"}}");
        assert_eq!(value(&text, &sample), 1.0);
    }
    assert_eq!(value(&text, &format!("digota_gateway_duration_seconds_count{{{charge}}}")), 3.0);
    assert_eq!(value(&text, "digota_payments_open{state=\"requires_action\",older_than=\"0\"}"), 1.0);
    assert_eq!(value(&text, "digota_payments_open{state=\"requires_action\",older_than=\"3600\"}"), 0.0);
    assert_eq!(value(&text, "digota_payments_unsettled"), 1.0);
    assert_eq!(value(&text, "digota_payments_review"), 0.0);
    assert_eq!(value(&text, "digota_orders{status=\"Paid\"}"), 1.0);
    assert_eq!(value(&text, "digota_storage_up"), 1.0);
    assert_eq!(value(&text, "digota_storage_queue{queue=\"write\"}"), 0.0);
    let groups = value(&text, "digota_storage_group_size_count");
    assert!(groups >= 8.0 && value(&text, "digota_storage_group_size_sum") >= groups, "{text}");
    assert_eq!(value(&text, "digota_storage_commit_seconds_count"), groups);
    let version = format!("digota_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &version), 1.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6 && value(&text, "process_open_fds") > 3.0);
}

/// What a Prometheus server insists on.
#[tokio::test]
async fn the_page_is_one_that_prometheus_reads() {
    let (server, address) = watched(Setup::default()).await;
    let shop = server.shop().await;
    shop.paid(&shop.sku(5).await, 1).await;
    let text = metrics(address).await;
    let (mut families, mut samples) = (BTreeSet::new(), BTreeSet::new());
    let mut kind = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            assert_eq!(of == "counter", name.ends_with("_total"), "{name}");
            kind = name.to_owned();
        } else if line.starts_with("# HELP ") {
            assert!(line.ends_with('.'), "{line}");
        } else {
            let (sample, number) = line.rsplit_once(' ').unwrap();
            assert!(samples.insert(sample.to_owned()), "{sample} is there twice");
            assert!(sample.starts_with(&kind), "{sample} stands under {kind}");
            number.parse::<f64>().unwrap();
        }
    }
    assert!(families.len() > 20, "{families:?}");
    assert!(families.iter().all(|name| name.starts_with("digota_") || name.starts_with("process_")));
}

#[tokio::test]
async fn connections_that_are_turned_away_are_counted_by_reason() {
    let (server, address) = watched(Setup::default()).await;
    if let Ok(nobody) = server.connect(None).await {
        nobody.payments().get(digota_proto::paymentpb::GetRequest::default()).await.unwrap_err();
    }
    let sample = "digota_connections_refused_total{reason=\"no_certificate\"}";
    eventually("it is counted", async || metrics(address).await.contains(sample).then_some(())).await;
    let stranger = server.client("stranger").await;
    stranger.payments().get(digota_proto::paymentpb::GetRequest::default()).await.unwrap_err();
    let get = "service=\"paymentpb.PaymentService\",method=\"Get\",code=\"UNAUTHENTICATED\"";
    assert_eq!(value(&metrics(address).await, &format!("digota_rpc_calls_total{{{get}}}")), 1.0);
}

#[tokio::test]
async fn the_end_of_certificates_and_changes_at_the_door_are_told() {
    let (server, address) = watched(Setup::default()).await;
    let text = metrics(address).await;
    let far = jiff::Timestamp::now().as_second() + 300 * 86_400;
    for certificate in ["server", "authority"] {
        let end = format!("digota_certificate_expiry_timestamp_seconds{{certificate=\"{certificate}\"}}");
        assert!(value(&text, &end) as i64 > far, "{text}");
    }
    assert_eq!(value(&text, "digota_reloads_total{outcome=\"refused\"}"), 0.0);
    server.rewrite(|text| text.replacen("scopes = [\"READ\"", "scopes = [\"REED\"", 1));
    let refused = async || {
        let text = metrics(address).await;
        (value(&text, "digota_reloads_total{outcome=\"refused\"}") >= 1.0).then_some(text)
    };
    let text = eventually("the change is refused", refused).await;
    assert_eq!(value(&text, "digota_reload_problems"), 1.0);
}

#[tokio::test]
async fn a_server_is_ready_until_it_is_told_to_stop() {
    let (mut server, address) = watched(Setup { delay_ms: 800, ..Setup::default() }).await;
    assert_eq!(get(address, "/livez").await, (200, "alive\n".into()));
    assert_eq!(get(address, "/readyz").await, (200, "ready\n".into()));
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let paying = tokio::spawn(async move { shop.pay(&order).await });
    let other = server.shop().await;
    eventually("a piece is held", async || (other.stock(&sku).await == 4).then_some(())).await;
    server.process.terminate();
    let draining = eventually("it is not ready any more", async || {
        let (status, text) = get(address, "/readyz").await;
        (status == 503).then_some(text)
    });
    assert!(draining.await.contains("about to stop"));
    assert_eq!(get(address, "/livez").await.0, 200, "it lives until its last payment is done");
    assert_eq!(paying.await.unwrap().unwrap().status(), order::Status::Paid);
    assert!(server.process.ended().await.success());
}

#[tokio::test]
async fn a_server_without_its_storage_is_alive_and_not_ready() {
    let (server, address) = watched(Setup::default()).await;
    std::fs::rename(server.path("digota.db"), server.path("elsewhere.db")).unwrap();
    let shop = server.shop().await;
    shop.products().create(crate::harness::Client::some_product()).await.unwrap_err();
    let (status, text) = get(address, "/readyz").await;
    assert!(status == 503 && text.contains("the storage is unavailable"), "{status} {text}");
    assert_eq!(get(address, "/livez").await.0, 200);
    assert_eq!(value(&metrics(address).await, "digota_storage_up"), 0.0);
}

#[tokio::test]
async fn nobody_is_told_anything_unless_the_operator_says_where() {
    let server = Server::start().await;
    assert!(!server.process.log().contains("monitor listening"));
}
