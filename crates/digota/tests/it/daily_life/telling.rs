//! What a server says of itself, and what it must not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use digota_proto::orderpb::PayRequest;
use digota_proto::paymentpb::{self, ChargeRequest};
use digota_proto::productpb;

use crate::harness::{Client, Server, Setup, card, eventually, payment};

#[tokio::test]
async fn the_data_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start().await;
    server.shop().await.product().await;
    for entry in fs::read_dir(server.path("")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("digota.db") {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}

/// A number and a token that are nobody's, so that finding them anywhere means that they were leaked.
const CANARIES: [&str; 4] = ["4929939187355598", "5212345678901234", "tok_canary_7f3a91", "canary-cvc"];

#[tokio::test]
async fn no_card_number_and_no_token_reaches_a_log_or_a_file() {
    let mut server = Server::with(Setup { flags: &["--debug"], ..Setup::default() }).await;
    let shop = server.shop().await;
    let order = shop.order(&shop.sku(5).await, 1).await;
    let [number, invalid, token, cvc] = CANARIES;
    for pay in [
        PayRequest { card: Some(card(number)), ..payment(&order) },
        PayRequest { card: Some(card(invalid)), ..payment(&order) },
        PayRequest { card: Some(paymentpb::Card { cvc: cvc.into(), ..card(number) }), ..payment(&order) },
        PayRequest { card: None, payment_token: token.into(), ..payment(&order) },
    ] {
        let refused = shop.pay_by(pay).await.unwrap_err();
        let sent_back = format!("{refused:?} {}", String::from_utf8_lossy(refused.details()));
        assert!(CANARIES.iter().all(|canary| !sent_back.contains(canary)), "{sent_back}");
    }
    let charge = ChargeRequest { card: Some(card(number)), ..Client::some_charge(100) };
    shop.charge(charge).await.unwrap_err();
    let charge = ChargeRequest { card: None, payment_token: token.into(), ..Client::some_charge(100) };
    shop.charge(charge).await.unwrap_err();
    shop.pay(&order).await.unwrap();
    drop(shop);
    server.stop().await;
    let log = server.process.log();
    assert!(log.contains("/orderpb.OrderService/Pay"), "{log}");
    let mut looked = BTreeSet::new();
    for (name, bytes) in files(&server.path("")).into_iter().chain([("the log".to_owned(), log.into_bytes())])
    {
        let text = String::from_utf8_lossy(&bytes);
        for canary in CANARIES.into_iter().chain(["4242424242424242"]) {
            assert!(!text.contains(canary), "{canary} is in {name}");
        }
        looked.insert(name);
    }
    assert!(looked.len() >= 4, "{looked:?}");
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[tokio::test]
async fn every_call_is_one_line_of_json_in_the_debug_log() {
    let server = Server::with(Setup { flags: &["--debug"], ..Setup::default() }).await;
    let shop = server.shop().await;
    let injected = productpb::NewRequest {
        metadata: [("a".to_owned(), "b\n{\"level\":\"ERROR\"}".to_owned())].into(),
        ..Client::some_product()
    };
    shop.products().create(injected).await.unwrap();
    shop.products().get(productpb::GetRequest { id: "x\n{}".into() }).await.unwrap_err();
    let calls = async || {
        let log = server.process.log();
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let calls = lines.into_iter().filter(|line| line["rpc"].is_string());
        let calls: Vec<_> =
            calls.map(|line| (line["rpc"].clone(), line["caller"].clone(), line["code"].clone())).collect();
        (calls.len() >= 2).then_some(calls)
    };
    let calls = eventually("both calls are logged", calls).await;
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(calls[0].0, "/productpb.ProductService/New");
    assert_eq!(
        (calls[1].0.as_str(), calls[1].1.as_str(), calls[1].2.as_str()),
        (Some("/productpb.ProductService/Get"), Some("shop"), Some("InvalidArgument"))
    );
}

/// What reflection lists.
const SERVICES: [&str; 7] = [
    "productpb.ProductService",
    "skupb.SkuService",
    "orderpb.OrderService",
    "paymentpb.PaymentService",
    "eventpb.EventService",
    "adminpb.AdminService",
    "grpc.health.v1.Health",
];

macro_rules! reflect {
    ($version:ident, $client:expr) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new($client.channel.clone());
        let mut answers =
            client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
        match answers.message().await.unwrap().unwrap().message_response.unwrap() {
            MessageResponse::ListServicesResponse(list) => {
                list.service.into_iter().map(|service| service.name).collect::<BTreeSet<String>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (own, listed) in [("v1", reflect!(v1, shop)), ("v1alpha", reflect!(v1alpha, shop))] {
        let mut served: BTreeSet<String> = SERVICES.map(str::to_owned).into();
        served.insert(format!("grpc.reflection.{own}.ServerReflection"));
        assert_eq!(listed, served);
    }
}
