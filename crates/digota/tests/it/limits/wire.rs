//! Requests that are not quite gRPC, sent frame by frame, and what a client of any library makes of the answers.

use bytes::Bytes;
use digota_proto::productpb::{GetRequest, ListRequest, Product};
use http::{Method, StatusCode};
use prost::Message;
use tonic::Code;

use crate::harness::raw::{Answer, Raw, framed, prefixed, read, request};
use crate::harness::{Client, Server, Setup, assert_invalid, assert_refused, fact};

const NEW: &str = "/productpb.ProductService/New";
const GET: &str = "/productpb.ProductService/Get";

/// Asserts that a call was refused with this code and reason, and that HTTP itself saw nothing wrong.
#[track_caller]
fn refused(answer: &Answer, code: Code, reason: &str) {
    assert_eq!(answer.http, StatusCode::OK);
    assert_refused(Err::<(), _>(answer.status.clone().unwrap()), code, reason);
    assert!(answer.body.is_empty());
}

async fn send(raw: &mut Raw, path: &str, body: &[Bytes]) -> Answer {
    raw.call(request(path).body(()).unwrap(), body).await.unwrap()
}

/// How many products there are.
async fn products(server: &Server) -> i32 {
    server.shop().await.products().list(ListRequest::default()).await.unwrap().into_inner().total
}

/// A good request, to see that a connection goes on.
async fn assert_alive(raw: &mut Raw) {
    let answer = send(raw, NEW, &[framed(&Client::some_product())]).await;
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
}

/// Row 132: what is not gRPC is told so in the language of HTTP.
#[tokio::test]
async fn a_content_type_that_is_not_grpc_is_415() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let message = [framed(&Client::some_product())];
    for kind in ["application/json", "application/grpc+json", "application/grpc-web", "text/plain"] {
        let mut request = request(NEW).body(()).unwrap();
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let answer = raw.call(request, &message).await.unwrap();
        assert_eq!(answer.http, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        assert_refused(Err::<(), _>(answer.status.unwrap()), Code::InvalidArgument, "NOT_GRPC");
    }
    let mut none = request(NEW).body(()).unwrap();
    none.headers_mut().remove("content-type");
    assert_eq!(raw.call(none, &message).await.unwrap().http, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc;v=1"] {
        let mut request = request(NEW).body(()).unwrap();
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let answer = raw.call(request, &message).await.unwrap();
        assert_eq!((answer.http, answer.status.unwrap().code()), (StatusCode::OK, Code::Ok), "{kind}");
    }
    assert_eq!(products(&server).await, 3);
}

/// Row 140: a browser is told what it did wrong.
#[tokio::test]
async fn a_method_that_is_not_post_is_405() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut request = request(NEW).body(()).unwrap();
        *request.method_mut() = method;
        let answer = raw.call(request, &[]).await.unwrap();
        assert_eq!(answer.http, StatusCode::METHOD_NOT_ALLOWED);
        assert_refused(Err::<(), _>(answer.status.unwrap()), Code::InvalidArgument, "NOT_GRPC");
    }
    assert_alive(&mut raw).await;
}

/// Row 138, and what comes before it: who may not call does not learn what there is.
#[tokio::test]
async fn an_unknown_path_is_unimplemented_for_those_who_are_listed() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for path in [
        "/",
        "/productpb.ProductService/Steal",
        "/productpb.NoService/New",
        "/a/b/c",
        "/productpb.ProductService/New/",
    ] {
        refused(
            &send(&mut raw, path, &[framed(&Client::some_product())]).await,
            Code::Unimplemented,
            "NO_SUCH_RPC",
        );
    }
    let mut stranger = server.raw("stranger").await;
    refused(&send(&mut stranger, "/a/b/c", &[]).await, Code::Unauthenticated, "NOT_LISTED");
    let mut json = request(NEW).body(()).unwrap();
    json.headers_mut().insert("content-type", "application/json".parse().unwrap());
    refused(&stranger.call(json, &[]).await.unwrap(), Code::Unauthenticated, "NOT_LISTED");
    assert_alive(&mut raw).await;
}

/// `te` is there to find proxies that don't know HTTP/2; that it is missing says nothing of the client.
#[tokio::test]
async fn a_request_without_te_is_served() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let mut request = request(NEW).body(()).unwrap();
    request.headers_mut().remove("te");
    let answer = raw.call(request, &[framed(&Client::some_product())]).await.unwrap();
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
}

/// Row 128, by gRPC's table: not as many requests as the method takes. So is none at all, which tonic calls INTERNAL.
#[tokio::test]
async fn a_method_takes_exactly_one_message() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let one = framed(&Client::some_product());
    let two = Bytes::from([one.clone(), one.clone()].concat());
    let halves = [two.slice(..one.len() + 3), two.slice(one.len() + 3..)];
    for body in [&[one.clone(), one.clone()][..], &[two], &halves, &[]] {
        refused(&send(&mut raw, NEW, body).await, Code::Unimplemented, "NOT_ONE_MESSAGE");
    }
    assert_eq!(products(&server).await, 0);
    let bytes: Vec<Bytes> = one.iter().map(|&byte| Bytes::from(vec![byte])).collect();
    let answer = send(&mut raw, NEW, &bytes).await;
    assert_eq!(Product::decode(&answer.body[5..]).unwrap().name, Client::some_product().name);
}

/// Rows 124, 125 and 129: the code is gRPC's, the words say nothing of what is inside, and the log does not blame the server.
#[tokio::test]
async fn bytes_that_are_no_message_are_refused_without_a_word_about_fields() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let good = Client::some_product().encode_to_vec();
    let nested = (0..150).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut outer = vec![0xfb, 0x3f];
        outer.extend(inner);
        outer.extend([0xfc, 0x3f]);
        outer
    });
    let bodies = [
        prefixed(0, b"\xff\xff\xff\xff garbage"),
        prefixed(0, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        prefixed(0, &[0x09, 0x01]),
        prefixed(0, &nested),
        prefixed(1, &good),
        prefixed(7, &good),
        prefixed(0, &good).slice(..good.len()),
        Bytes::from_static(&[0, 0, 0]),
    ];
    for body in bodies {
        let answer = send(&mut raw, NEW, &[body]).await;
        refused(&answer, Code::Internal, "MALFORMED_MESSAGE");
        let status = answer.status.unwrap();
        assert_eq!(status.message(), "the request is no message of this method");
    }
    assert_alive(&mut raw).await;
    assert!(!server.process.log().contains("\"ERROR\""), "{}", server.process.log());
}

/// Row 126: later clients know more.
#[tokio::test]
async fn fields_that_are_not_known_are_passed_over() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let mut message = Client::some_product().encode_to_vec();
    message.extend([0xfa, 0x3f, 2, b'h', b'i']);
    assert_eq!(send(&mut raw, NEW, &[prefixed(0, &message)]).await.status.unwrap().code(), Code::Ok);
}

/// Row 127: what is too large is refused by its prefix. Nothing is made room for, nothing waited for.
#[tokio::test]
async fn a_message_is_too_large_by_what_its_prefix_says() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for length in [262_145u32, 5 << 20, u32::MAX] {
        let prefix = [&[0], length.to_be_bytes().as_slice()].concat();
        let (response, mut sending) = raw.open(request(NEW).body(()).unwrap()).await.unwrap();
        sending.send_data(prefix.into(), false).unwrap();
        refused(&read(response).await.unwrap(), Code::ResourceExhausted, "REQUEST_TOO_LARGE");
    }
    assert_alive(&mut raw).await;
}

/// Rows 130 and 131: a bomb is not unpacked, since nothing is.
#[tokio::test]
async fn compressed_requests_are_not_read() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for encoding in ["gzip", "deflate", "zstd", "snappy", "gzip, identity"] {
        let request = request(NEW).header("grpc-encoding", encoding).body(()).unwrap();
        let answer = raw.call(request, &[prefixed(1, &[0x1f, 0x8b, 8, 0])]).await.unwrap();
        refused(&answer, Code::Unimplemented, "ENCODING_NOT_SUPPORTED");
        let accepted = answer.status.unwrap().metadata().get("grpc-accept-encoding").cloned();
        assert_eq!(accepted.unwrap(), "identity");
    }
    let identity = request(NEW).header("grpc-encoding", "identity").body(()).unwrap();
    let answer = raw.call(identity, &[framed(&Client::some_product())]).await.unwrap();
    assert_eq!(answer.status.unwrap().code(), Code::Ok);
}

/// Row 135.
#[tokio::test]
async fn binary_metadata_that_is_not_base_64_is_refused() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for (value, good) in [("?", false), ("AAE=A", false), ("AAE", true), ("AAE=,AAEC", true)] {
        let request = request(NEW).header("trace-bin", value).body(()).unwrap();
        let answer = raw.call(request, &[framed(&Client::some_product())]).await.unwrap();
        match good {
            true => assert_eq!(answer.status.unwrap().code(), Code::Ok, "{value}"),
            false => assert_invalid(Err::<(), _>(answer.status.unwrap()), &["trace-bin"]),
        }
    }
}

/// Row 136, for reads as for writes and payments.
#[tokio::test]
async fn a_deadline_that_can_not_be_read_is_refused() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    for path in [NEW, GET, "/orderpb.OrderService/Pay", "/eventpb.EventService/Watch"] {
        for deadline in ["", "soon", "5", "5s", "-5S", "123456789S", "5.5S"] {
            let request = request(path).header("grpc-timeout", deadline).body(()).unwrap();
            let answer = raw.call(request, &[prefixed(0, b"")]).await.unwrap();
            assert_invalid(Err::<(), _>(answer.status.unwrap()), &["grpc-timeout"]);
        }
    }
}

/// Row 137: who can't wait is told that the time is over, and not that somebody hung up.
#[tokio::test]
async fn a_deadline_that_passes_is_deadline_exceeded() {
    let server = Server::with(Setup { delay_ms: 5000, ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(1).await, 1).await;
    let mut raw = server.raw("shop").await;
    // No read takes so little.
    let get = GetRequest { id: shop.product().await.id };
    let hasty = request(GET).header("grpc-timeout", "1n").body(()).unwrap();
    let (response, mut sending) = raw.open(hasty).await.unwrap();
    let answer = {
        // The message comes after the deadline.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let _ = sending.send_data(framed(&get), true);
        read(response).await.unwrap()
    };
    refused(&answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    let pay = request("/orderpb.OrderService/Pay").header("grpc-timeout", "300m").body(()).unwrap();
    let answer = raw.call(pay, &[framed(&crate::harness::payment(&order))]).await.unwrap();
    let details =
        assert_refused(Err::<(), _>(answer.status.unwrap()), Code::DeadlineExceeded, "PAYMENT_PENDING");
    assert!(!fact(&details, "charge_id").is_empty());
}

/// Rows 133 and 134: headers that are too large are refused, far too large ones end the connection; nobody else notices.
#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let server = Server::start().await;
    let mut raw = server.raw("shop").await;
    let large = request(NEW).header("x-large", "x".repeat(17 * 1024)).body(()).unwrap();
    let answer = raw.call(large, &[framed(&Client::some_product())]).await.unwrap();
    assert_eq!(answer.http, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_alive(&mut raw).await;
    let mut flood = request(NEW);
    for n in 0..20 {
        flood = flood.header(format!("x-{n}"), "x".repeat(16 * 1024));
    }
    raw.call(flood.body(()).unwrap(), &[]).await.unwrap_err();
    raw.ended.await.unwrap().unwrap_err();
    assert_alive(&mut server.raw("shop").await).await;
}
