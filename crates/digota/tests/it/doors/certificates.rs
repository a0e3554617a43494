//! Certificates: good ones, bad ones, and none.

use std::time::Duration;

use digota_proto::productpb::ListRequest;
use rcgen::ExtendedKeyUsagePurpose;
use tonic::transport::{Endpoint, Identity};
use tonic::{Code, Status};

use super::ca::{Ca, for_clients, octets};
use crate::harness::{Client, Pki, Server, Setup, assert_refused, eventually};

pub(super) async fn list(client: &Client) -> Result<(), Status> {
    client.products().list(ListRequest::default()).await.map(|_| ())
}

/// Asserts that whoever comes like this can not call, and that the log says why.
pub(super) async fn assert_turned_away(server: &Server, identity: Option<Identity>, reason: &str) {
    if let Ok(client) = server.connect(identity).await {
        let status = list(&client).await.expect_err("it came in");
        // What a client's own library makes of a dead line.
        let dead = [Code::Unavailable, Code::Unknown, Code::Cancelled].contains(&status.code());
        assert!(dead && status.details().is_empty(), "somebody answered: {status:?}");
    }
    eventually(reason, async || server.process.log().contains(reason).then_some(())).await;
}

#[tokio::test]
async fn a_listed_certificate_comes_in() {
    let server = Server::start().await;
    list(&server.shop().await).await.unwrap();
}

#[tokio::test]
async fn without_a_certificate_nobody_comes_in() {
    let server = Server::start().await;
    assert_turned_away(&server, None, "no client certificate").await;
}

#[tokio::test]
async fn an_expired_certificate_is_turned_away() {
    let server = Server::start().await;
    let mut params = for_clients();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    assert_turned_away(&server, Some(Ca::ours().sign(&params)), "client certificate expired").await;
}

#[tokio::test]
async fn a_certificate_from_the_future_is_turned_away() {
    let server = Server::start().await;
    let mut params = for_clients();
    params.not_before = rcgen::date_time_ymd(2400, 1, 1);
    assert_turned_away(&server, Some(Ca::ours().sign(&params)), "client certificate not valid yet").await;
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_turned_away() {
    let server = Server::start().await;
    let stranger = Ca::named("another CA").sign(&for_clients());
    assert_turned_away(&server, Some(stranger), "client certificate of an unknown CA").await;
}

#[tokio::test]
async fn a_certificate_of_a_false_ca_with_our_cas_name_is_turned_away() {
    let server = Server::start().await;
    let rogue = Ca::named("digota CA").sign(&for_clients());
    assert_turned_away(&server, Some(rogue), "client certificate not signed by the CA it names").await;
}

#[tokio::test]
async fn a_certificate_that_is_for_servers_only_is_turned_away() {
    let server = Server::start().await;
    let mut params = for_clients();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_turned_away(&server, Some(Ca::ours().sign(&params)), "lacks clientAuth").await;
}

#[tokio::test]
async fn a_valid_certificate_that_is_not_listed_is_not_known() {
    let server = Server::start().await;
    let stranger = server.client("stranger").await;
    assert_refused(list(&stranger).await, Code::Unauthenticated, "NOT_LISTED");
    assert_refused(
        stranger.products().create(Client::some_product()).await,
        Code::Unauthenticated,
        "NOT_LISTED",
    );
    assert_eq!(
        server.shop().await.products().list(ListRequest::default()).await.unwrap().into_inner().total,
        0
    );
}

#[tokio::test]
async fn the_serial_of_a_listed_certificate_from_another_trusted_ca_is_not_known() {
    let other = Ca::named("second CA");
    let entry =
        format!("[[clients]]\nname = \"listed\"\nserials = [{:?}]\nscopes = [\"WILDCARD\"]\n", "0A:BC:DE");
    let setup = Setup { authorities: other.certificate.clone(), clients: entry, ..Setup::default() };
    let server = Server::with(setup).await;
    let mut params = for_clients();
    params.serial_number = Some(octets("0ABCDE"));
    let ours = server.connect(Some(Ca::ours().sign(&params))).await.unwrap();
    list(&ours).await.unwrap();
    let theirs = server.connect(Some(other.sign(&params))).await.unwrap();
    assert_refused(list(&theirs).await, Code::Unauthenticated, "NOT_LISTED");
}

#[tokio::test]
async fn an_entry_can_name_another_trusted_ca() {
    let other = Ca::named("second CA");
    let entry = "[[clients]]\nname = \"partner\"\nserials = [\"abcde\"]\nissuer = \"CN=second CA\"\nscopes = [\"READ\"]\n";
    let setup = Setup { authorities: other.certificate.clone(), clients: entry.into(), ..Setup::default() };
    let server = Server::with(setup).await;
    let mut params = for_clients();
    params.serial_number = Some(octets("0ABCDE"));
    list(&server.connect(Some(other.sign(&params))).await.unwrap()).await.unwrap();
    let ours = server.connect(Some(Ca::ours().sign(&params))).await.unwrap();
    assert_refused(list(&ours).await, Code::Unauthenticated, "NOT_LISTED");
}

#[tokio::test]
async fn a_serial_can_be_listed_in_any_spelling() {
    let serial = Pki::shared().strangers_serial();
    let pairs: Vec<&str> = (0..serial.len()).step_by(2).map(|at| &serial[at..at + 2]).collect();
    for spelling in [serial.to_lowercase(), format!("00{serial}"), pairs.join(":")] {
        let entry =
            format!("[[clients]]\nname = \"listed\"\nserials = [{spelling:?}]\nscopes = [\"READ\"]\n");
        let server = Server::with(Setup { clients: entry, ..Setup::default() }).await;
        list(&server.client("stranger").await).await.unwrap();
    }
}

#[tokio::test]
async fn claims_in_the_metadata_are_not_believed() {
    let server = Server::start().await;
    let stranger = server.client("stranger").await;
    let mut request = tonic::Request::new(ListRequest::default());
    for (name, value) in
        [("x-scope", "WILDCARD"), ("x-forwarded-client-cert", "shop"), ("authorization", "shop")]
    {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    assert_refused(stranger.products().list(request).await, Code::Unauthenticated, "NOT_LISTED");
}

#[tokio::test]
async fn a_client_without_tls_gets_no_answer() {
    let server = Server::start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let endpoint = endpoint.timeout(Duration::from_secs(5));
    if let Ok(channel) = endpoint.connect().await {
        let status = list(&Client::new(channel)).await.expect_err("it came in");
        assert!(status.details().is_empty(), "{status:?}");
    }
    list(&server.shop().await).await.unwrap();
}
