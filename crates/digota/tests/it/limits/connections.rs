//! Connections that do nothing, too many of them, and those that have grown old.

use std::time::{Duration, Instant};

use digota_proto::eventpb::WatchRequest;
use digota_proto::orderpb::order;
use digota_proto::productpb::ListRequest;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;

use crate::harness::raw::{PREFACE, Raw, framed, request};
use crate::harness::{Client, Server, Setup, assert_refused, eventually};

/// Reads until the server closes; what it said until then.
async fn until_closed(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return said,
            Ok(n) => said.extend_from_slice(&piece[..n]),
        }
    }
}

/// A call that works, so that the connection counts as one that is used.
async fn use_it(raw: &mut Raw) {
    let list = request("/productpb.ProductService/List").body(()).unwrap();
    let answer = raw.call(list, &[framed(&ListRequest::default())]).await.unwrap();
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
}

async fn logged(server: &Server, reason: &str) {
    eventually(reason, async || server.process.log().contains(reason).then_some(())).await;
}

/// Row 145.
#[tokio::test]
async fn who_only_connects_is_hung_up_on_in_every_phase() {
    let settings = "limits.handshake_timeout_ms = 300\nlimits.preface_timeout_ms = 300\nlimits.first_call_timeout_ms = 600";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut used = server.raw("shop").await;
    use_it(&mut used).await;
    assert!(until_closed(TcpStream::connect(server.address).await.unwrap()).await.is_empty());
    logged(&server, "handshake not finished in 0.3 s").await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await.unwrap();
    until_closed(half).await;
    until_closed(server.shaken("shop").await).await;
    logged(&server, "no HTTP/2 preface in limits.preface_timeout_ms").await;
    let mut half = server.shaken("shop").await;
    half.write_all(&PREFACE[..20]).await.unwrap();
    until_closed(half).await;
    // How it ends is a matter of who is faster; that it was asked in good order, the deaf one shows.
    let _ = server.raw("shop").await.ended.await.unwrap();
    let mut deaf = server.shaken("shop").await;
    deaf.write_all(PREFACE).await.unwrap();
    let said = until_closed(deaf).await;
    let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0];
    assert!(said.windows(9).any(|frame| frame == goaway), "{said:?}");
    logged(&server, "no call in limits.first_call_timeout_ms").await;
    use_it(&mut used).await;
}

#[tokio::test]
async fn a_client_has_so_many_connections_and_others_come_in_all_the_same() {
    let settings = "limits.connections_per_client_max = 2";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut both = [server.raw("shop").await, server.raw("shop").await];
    for raw in &mut both {
        use_it(raw).await;
    }
    assert!(until_closed(server.shaken("shop").await).await.is_empty());
    logged(&server, "limits.connections_per_client_max reached").await;
    use_it(&mut server.raw("other").await).await;
    // Certificates that are not listed count together, and not against anybody who is.
    let strangers = [server.raw("stranger").await, server.raw("stranger").await];
    for mut stranger in strangers {
        let list = request("/productpb.ProductService/List").body(()).unwrap();
        let answer = stranger.call(list, &[]).await.unwrap();
        assert_eq!(answer.status.unwrap().code(), Code::Unauthenticated);
    }
    let [first, _second] = both;
    drop(first.send);
    first.ended.await.unwrap().unwrap();
    let again = async || {
        let mut raw = server.raw("shop").await;
        let list = request("/productpb.ProductService/List").body(()).unwrap();
        raw.call(list, &[framed(&ListRequest::default())]).await.ok()
    };
    eventually("a freed place is used again", again).await;
}

#[tokio::test]
async fn who_has_not_finished_arriving_makes_room_for_those_who_come_later() {
    let settings = "limits.connections_max = 3";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut used = Vec::new();
    for client in ["shop", "other", "reader"] {
        let mut raw = server.raw(client).await;
        use_it(&mut raw).await;
        used.push(raw);
    }
    for stream in silent {
        until_closed(stream).await;
    }
    logged(&server, "limits.connections_max reached before its handshake was finished").await;
    // Now all places are taken by those who have arrived.
    assert!(until_closed(TcpStream::connect(server.address).await.unwrap()).await.is_empty());
    for raw in &mut used {
        use_it(raw).await;
    }
}

/// P8 of what can break: without a free file descriptor a server can not even say no.
#[tokio::test]
async fn without_free_file_descriptors_the_server_holds_out() {
    let server = Server::start().await;
    let mut used = server.raw("shop").await;
    use_it(&mut used).await;
    let pid = Pid::from_raw(i32::try_from(server.process.id()).unwrap());
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap().count();
    let few = Rlimit { current: Some(u64::try_from(open).unwrap() + 3), maximum: None };
    let before = prlimit(pid, Resource::Nofile, Rlimit { maximum: hard(pid), ..few }).unwrap();
    let mut crowd = Vec::new();
    for _ in 0..30 {
        crowd.push(TcpStream::connect(server.address).await.unwrap());
    }
    logged(&server, "cannot accept connections").await;
    // Those that could not be taken are turned away, not left waiting.
    until_closed(crowd.pop().unwrap()).await;
    let check = request("/grpc.health.v1.Health/Check").body(()).unwrap();
    let answer = used.call(check, &[framed(&HealthCheckRequest::default())]).await.unwrap();
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
    prlimit(pid, Resource::Nofile, before).unwrap();
    drop(crowd);
    // It may still be turning away those that came before.
    eventually("clients are let in again", async || server.shake("shop").await.ok()).await;
    use_it(&mut server.raw("shop").await).await;
}

fn hard(pid: Option<Pid>) -> Option<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.unwrap().as_raw_nonzero())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(4).unwrap().parse().ok()
}

#[tokio::test]
async fn a_server_that_may_open_few_files_takes_fewer_connections_and_says_so() {
    let server = Server::with(Setup { files_max: Some(256), ..Setup::default() }).await;
    logged(&server, "this process may open too few files for limits.connections_max").await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    use_it(&mut server.raw("shop").await).await;
    assert!(!server.process.log().contains("cannot accept"));
}

#[tokio::test]
async fn an_old_connection_ends_in_good_order_and_its_payment_with_it() {
    let settings = "limits.connection_age_max_ms = 400";
    let server = Server::with(Setup { settings, delay_ms: 1500, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(3).await, 1).await;
    let mut old = server.raw("shop").await;
    let pay = request("/orderpb.OrderService/Pay").body(()).unwrap();
    let answer = old.call(pay, &[framed(&crate::harness::payment(&order))]).await.unwrap();
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
    old.ended.await.unwrap().unwrap();
    assert_eq!(shop.read_order(&order.id).await.status(), order::Status::Paid);
}

/// What a client's library makes of a call that it could not send any more: others than tonic send it again by themselves.
fn was_not_sent(status: &Status) -> bool {
    [Code::Cancelled, Code::Unavailable, Code::Unknown].contains(&status.code())
        && status.details().is_empty()
}

#[tokio::test]
async fn a_client_whose_connections_grow_old_is_served_on_and_on() {
    let settings = "limits.connection_age_max_ms = 200";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let shop = server.shop().await;
    let mut ids = Vec::new();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        match shop.products().create(Client::some_product()).await {
            Ok(product) => ids.push(product.into_inner().id),
            Err(status) => assert!(was_not_sent(&status), "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    // What was not answered was not done.
    let list = server.shop().await.products().list(ListRequest { limit: 1, ..Default::default() }).await;
    assert_eq!(usize::try_from(list.unwrap().into_inner().total).unwrap(), ids.len());
    assert!(ids.len() > 10, "{}", ids.len());
}

#[tokio::test]
async fn a_watch_on_an_old_connection_is_told_to_come_again() {
    let settings = "limits.connection_age_max_ms = 400";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut watching =
        server.shop().await.events().watch(WatchRequest::default()).await.unwrap().into_inner();
    let details = assert_refused(watching.message().await, Code::Unavailable, "UNAVAILABLE");
    assert!(details.retry_info().is_some());
}

/// N4 of what can break: whoever has vanished is noticed.
#[tokio::test]
async fn who_does_not_answer_is_hung_up_on() {
    let settings = "limits.ping_interval_ms = 200\nlimits.ping_timeout_ms = 300";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut gone = server.shaken("shop").await;
    gone.write_all(PREFACE).await.unwrap();
    until_closed(gone).await;
    let mut there = server.raw("shop").await;
    use_it(&mut there).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    use_it(&mut there).await;
}

/// Row 143.
#[tokio::test]
async fn who_does_not_take_a_reply_is_hung_up_on() {
    let settings = "limits.reply_timeout_ms = 400";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let shop = server.shop().await;
    shop.product().await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let mut slow = server.raw_with("shop", builder).await;
    let list = request("/productpb.ProductService/List").body(()).unwrap();
    let (response, mut sending) = slow.open(list).await.unwrap();
    sending.send_data(framed(&ListRequest::default()), true).unwrap();
    response.await.unwrap();
    slow.ended.await.unwrap().unwrap_err();
    logged(&server, "a reply was not taken in limits.reply_timeout_ms").await;
    shop.product().await;
}
