//! Scopes: what a client that is known may do.

use digota_proto::DESCRIPTOR_SET;
use digota_proto::eventpb::WatchRequest;
use digota_proto::orderpb::{CancelRequest, GetRequest};
use digota_proto::productpb::{DeleteRequest, Empty, ListRequest};
use digota_proto::skupb;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Client, Server, assert_refused, fact, payment};

/// Calls an rpc by its path with an empty message, and reads no more than whether it was let in.
async fn knock(client: &Client, path: &str) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(client.channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
    grpc.server_streaming(Request::new(Empty {}), path.parse().unwrap(), codec).await.map(|_| ())
}

fn denied(result: &Result<(), Status>) -> bool {
    result.as_ref().is_err_and(|status| status.code() == Code::PermissionDenied)
}

/// Every rpc of our protos: its path, and the scope that it needs by its name or, for administration, its package.
fn rpcs() -> Vec<(String, &'static str)> {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let mut rpcs = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let reads = ["Get", "List", "Watch"].contains(&method.name());
                let scope = match file.package() {
                    "adminpb" => "WILDCARD",
                    _ if reads => "READ",
                    _ => "WRITE",
                };
                rpcs.push((format!("/{}.{}/{}", file.package(), service.name(), method.name()), scope));
            }
        }
    }
    rpcs
}

#[tokio::test]
async fn every_rpc_lets_in_exactly_those_who_have_its_scope() {
    let server = Server::start().await;
    let clients: [(&str, &[&str]); 5] = [
        ("guest", &[]),
        ("reader", &["READ"]),
        ("writer", &["WRITE"]),
        ("shop", &["READ", "WRITE"]),
        ("owner", &["READ", "WRITE", "WILDCARD"]),
    ];
    let rpcs = rpcs();
    assert!(rpcs.len() >= 32, "{rpcs:?}");
    for (name, scopes) in clients {
        let client = server.client(name).await;
        for (path, scope) in &rpcs {
            let result = knock(&client, path).await;
            assert_eq!(denied(&result), !scopes.contains(scope), "{name} {path}: {result:?}");
            if denied(&result) {
                let details = assert_refused(result, Code::PermissionDenied, "SCOPE_MISSING");
                assert_eq!(fact(&details, "scope"), *scope, "{name} {path}");
            } else if let Err(status) = result {
                assert_eq!(status.code(), Code::InvalidArgument, "{name} {path}: {status:?}");
            }
        }
    }
    let stranger = server.client("stranger").await;
    for (path, _) in &rpcs {
        assert_refused(knock(&stranger, path).await, Code::Unauthenticated, "NOT_LISTED");
    }
}

#[tokio::test]
async fn a_reader_can_not_pay_and_nothing_happens() {
    let server = Server::start().await;
    let (shop, reader) = (server.shop().await, server.client("reader").await);
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    assert_refused(reader.pay(&order).await, Code::PermissionDenied, "SCOPE_MISSING");
    assert_eq!((shop.read_order(&order.id).await, shop.stock(&sku).await), (order, 5));
    assert!(server.journal().is_empty());
}

#[tokio::test]
async fn a_writer_can_pay_and_not_read() {
    let server = Server::start().await;
    let (shop, writer) = (server.shop().await, server.client("writer").await);
    let order = shop.order(&shop.sku(5).await, 1).await;
    writer.pay(&order).await.unwrap();
    let read = writer.orders().get(GetRequest { id: order.id }).await;
    assert_refused(read, Code::PermissionDenied, "SCOPE_MISSING");
    let watch = writer.events().watch(WatchRequest::default()).await.map(|_| ());
    assert_refused(watch, Code::PermissionDenied, "SCOPE_MISSING");
}

#[tokio::test]
async fn a_guest_may_ask_for_health_and_nothing_else() {
    let server = Server::start().await;
    let guest = server.client("guest").await;
    let mut health = HealthClient::new(guest.channel.clone());
    let answer = health.check(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let read = guest.products().list(ListRequest::default()).await;
    assert_refused(read, Code::PermissionDenied, "SCOPE_MISSING");
    for path in REFLECTION {
        assert_refused(knock(&guest, path).await, Code::PermissionDenied, "SCOPE_MISSING");
    }
    let mut unknown = HealthClient::new(server.client("stranger").await.channel);
    let answer = unknown.check(HealthCheckRequest { service: String::new() }).await;
    assert_refused(answer, Code::Unauthenticated, "NOT_LISTED");
}

const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

#[tokio::test]
async fn whoever_may_read_or_write_may_ask_for_the_services_that_there_are() {
    let server = Server::start().await;
    for name in ["reader", "writer", "shop", "owner"] {
        let client = server.client(name).await;
        for path in REFLECTION {
            knock(&client, path).await.expect(name);
        }
    }
    let stranger = server.client("stranger").await;
    assert_refused(knock(&stranger, REFLECTION[0]).await, Code::Unauthenticated, "NOT_LISTED");
}

/// Whoever may not do a thing does not learn what there is either.
#[tokio::test]
async fn a_denied_call_answers_the_same_for_what_exists_and_what_does_not() {
    let server = Server::start().await;
    let (shop, reader, writer) =
        (server.shop().await, server.client("reader").await, server.client("writer").await);
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    let nobody = "0190b0a2-7c1e-7000-8000-000000000001".to_owned();
    let mut answers = Vec::new();
    for (sku_id, order_id) in [(&sku.id, &order.id), (&nobody, &nobody), (&String::new(), &String::new())] {
        let delete = skupb::DeleteRequest { id: sku_id.clone() };
        let cancel = CancelRequest { id: order_id.clone(), ..Default::default() };
        let pay = digota_proto::orderpb::PayRequest { id: order_id.clone(), ..payment(&order) };
        let statuses = [
            reader.skus().delete(delete).await.unwrap_err(),
            reader.orders().cancel(cancel).await.unwrap_err(),
            reader.pay_by(pay).await.unwrap_err(),
            reader
                .products()
                .delete(DeleteRequest { id: sku.parent.clone(), cascade: true })
                .await
                .unwrap_err(),
            writer.skus().get(skupb::GetRequest { id: sku_id.clone() }).await.unwrap_err(),
            writer.orders().get(GetRequest { id: order_id.clone() }).await.unwrap_err(),
        ];
        answers.push(statuses.map(|status| {
            assert_eq!(status.code(), Code::PermissionDenied);
            (status.message().to_owned(), status.details().to_vec())
        }));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!((shop.read_sku(&sku.id).await, shop.read_order(&order.id).await), (sku, order));
}
