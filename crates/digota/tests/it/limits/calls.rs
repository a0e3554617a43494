//! Calls that never become complete, too many of one kind, and too many of one client.

use std::time::Duration;

use digota_proto::eventpb::WatchRequest;
use digota_proto::orderpb;
use digota_proto::productpb::{GetRequest, ListRequest};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::raw::{framed, prefixed, read, request};
use crate::harness::{Client, Server, Setup, assert_refused, eventually, fact};

const NEW: &str = "/productpb.ProductService/New";

#[tokio::test]
async fn a_request_that_does_not_become_complete_keeps_nobody_out_and_is_ended() {
    let settings = "limits.in_flight_max = 1\nlimits.in_flight_reserve = 0\nlimits.request_timeout_ms = 1500";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut raw = server.raw("shop").await;
    let mut halves = Vec::new();
    for n in 0..60 {
        let (response, mut sending) = raw.open(request(NEW).body(()).unwrap()).await.unwrap();
        if n % 2 == 0 {
            sending.send_data(framed(&Client::some_product()).slice(..9), false).unwrap();
        }
        halves.push((response, sending));
    }
    // Nothing tells that they were heard; whoever is heard later is refused while another works.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.shop().await.product().await;
    let mut ended = 0;
    for (response, _sending) in halves {
        let status = read(response).await.unwrap().status.unwrap();
        // Whoever came while the one place was taken was told so.
        if status.code() == Code::ResourceExhausted {
            assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "OVERLOADED");
        } else {
            assert_refused(Err::<(), _>(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
            ended += 1;
        }
    }
    assert!(ended > 0, "some were waited for");
}

#[tokio::test]
async fn one_client_can_not_fill_the_memory_with_beginnings() {
    let settings = "limits.in_flight_max = 2\nlimits.message_bytes_max = 20000";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let mut raw = server.raw("shop").await;
    let mut halves = JoinSet::new();
    let large = prefixed(0, &[0x20; 19_000]).slice(..10_000);
    for _ in 0..5 {
        let (response, mut sending) = raw.open(request(NEW).body(()).unwrap()).await.unwrap();
        sending.send_data(large.clone(), false).unwrap();
        halves.spawn(async move {
            let answer = read(response).await;
            drop(sending);
            answer
        });
    }
    let first = halves.join_next().await.unwrap().unwrap();
    let status = first.unwrap().status.unwrap();
    let details = assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "CLIENT_LIMIT");
    assert_eq!(fact(&details, "limit"), "limits.message_bytes_max");
    assert!(details.retry_info().is_some());
    server.client("other").await.product().await;
    // Room that is given back is there again.
    drop((halves, raw));
    let product = || Client::some_product();
    let shop = server.shop().await;
    let again = async || shop.products().create(product()).await.ok();
    eventually("there is room again", again).await;
}

/// Calls again and again until it is refused.
async fn until_refused<F: Future<Output = Result<(), Status>>>(call: impl Fn() -> F) -> Status {
    for _ in 0..50 {
        if let Err(status) = call().await {
            return status;
        }
    }
    panic!("it was never refused");
}

#[tokio::test]
async fn rates_bound_what_one_client_makes_and_nothing_else() {
    let settings = "limits.create_per_second = 2\nlimits.pay_per_second = 1";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let shop = server.shop().await;
    let create = || async { shop.products().create(Client::some_product()).await.map(|_| ()) };
    let details =
        assert_refused(Err::<(), _>(until_refused(create).await), Code::ResourceExhausted, "CLIENT_LIMIT");
    assert_eq!(fact(&details, "limit"), "limits.create_per_second");
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_millis(500), "{wait:?}");
    for _ in 0..10 {
        shop.products().list(ListRequest::default()).await.unwrap();
    }
    server.client("other").await.product().await;
    let pay = || async { shop.charge(Client::some_charge(1300)).await.map(|_| ()) };
    let details =
        assert_refused(Err::<(), _>(until_refused(pay).await), Code::ResourceExhausted, "CLIENT_LIMIT");
    assert_eq!(fact(&details, "limit"), "limits.pay_per_second");
}

#[tokio::test]
async fn one_client_has_so_many_streams_and_others_have_theirs() {
    let settings = "limits.streams_per_client_max = 2\nlimits.streams_max = 4";
    let server = Server::with(Setup { settings, ..Setup::default() }).await;
    let watch = |client: Client| async move {
        Ok::<_, Status>(client.events().watch(WatchRequest::default()).await?.into_inner())
    };
    let shop = server.shop().await;
    let mut open = vec![watch(shop.clone()).await.unwrap(), watch(shop.clone()).await.unwrap()];
    let details = assert_refused(watch(shop.clone()).await, Code::ResourceExhausted, "CLIENT_LIMIT");
    assert_eq!(fact(&details, "limit"), "limits.streams_per_client_max");
    let other = server.client("other").await;
    open.extend([watch(other.clone()).await.unwrap(), watch(other.clone()).await.unwrap()]);
    assert_refused(watch(server.client("reader").await).await, Code::ResourceExhausted, "OVERLOADED");
    // What is no stream goes on.
    shop.product().await;
    drop(open);
    let mut health = HealthClient::new(shop.channel.clone());
    let check = async || health.clone().check(HealthCheckRequest::default()).await.ok();
    eventually("a freed place is used again", check).await;
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn payments_have_their_own_bound_and_refuse_at_once() {
    let settings = "payments.in_flight_max = 1\nlimits.in_flight_max = 1\nlimits.in_flight_reserve = 0";
    let server = Server::with(Setup { settings, delay_ms: 2000, ..Setup::default() }).await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let (first, second) = (shop.order(&sku, 1).await, shop.order(&sku, 1).await);
    let paying = tokio::spawn({
        let (shop, first) = (shop.clone(), first.clone());
        async move { shop.pay(&first).await }
    });
    eventually("a piece is held", async || (shop.stock(&sku).await == 4).then_some(())).await;
    let details = assert_refused(shop.pay(&second).await, Code::ResourceExhausted, "OVERLOADED");
    assert!(details.retry_info().is_some());
    // Who waits for a gateway takes no place of those who don't.
    shop.products().get(GetRequest { id: shop.product().await.id }).await.unwrap();
    assert_eq!(paying.await.unwrap().unwrap().status(), orderpb::order::Status::Paid);
}
