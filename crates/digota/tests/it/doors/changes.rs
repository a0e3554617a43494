//! The whitelist changes while connections are open.

use digota_proto::eventpb::WatchRequest;
use digota_proto::productpb::ListRequest;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::certificates::list;
use crate::harness::{Client, PATIENCE, Pki, Server, Setup, assert_refused, eventually};

/// A server that looks for changes often. How long it may take at most is held by `tls.reload_ms` and by the edge.
pub(super) async fn watchful() -> Server {
    Server::with(Setup { settings: "tls.reload_ms = 100", ..Setup::default() }).await
}

/// Waits until the log of a server has a line with this.
pub(super) async fn told(server: &Server, words: &str) -> String {
    eventually(words, async || {
        let log = server.process.log();
        log.lines().find(|line| line.contains(words)).map(str::to_owned)
    })
    .await
}

/// Waits until a call is refused like this.
async fn refused(client: &Client, code: Code, reason: &str) {
    let status = eventually(reason, async || list(client).await.err()).await;
    assert_refused(Err::<(), Status>(status), code, reason);
}

/// How a stream ends.
async fn end<T>(mut stream: Streaming<T>) -> Status {
    loop {
        match tokio::time::timeout(PATIENCE, stream.message()).await.expect("the stream does not end") {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a status"),
            Err(status) => return status,
        }
    }
}

async fn events(client: &Client) -> Streaming<digota_proto::eventpb::Event> {
    client.events().watch(WatchRequest::default()).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_revoked_client_is_refused_on_its_open_connection_and_its_streams_end() {
    let server = watchful().await;
    let (shop, owner) = (server.shop().await, server.client("owner").await);
    let watching = events(&shop).await;
    let health = HealthClient::new(shop.channel.clone()).watch(HealthCheckRequest::default()).await;
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    // Asks once and never ends its side.
    let questions = tokio_stream::StreamExt::chain(tokio_stream::iter([question]), tokio_stream::pending());
    let reflection =
        ServerReflectionClient::new(shop.channel.clone()).server_reflection_info(questions).await;
    let owners = events(&owner).await;
    list(&shop).await.unwrap();

    let said = server.revoke("shop");
    assert!(said.contains("took shop out of"), "{said}");
    refused(&shop, Code::Unauthenticated, "NOT_LISTED").await;
    let (watching, health, reflection) =
        tokio::join!(end(watching), end(health.unwrap().into_inner()), end(reflection.unwrap().into_inner()));
    for status in [watching, health, reflection] {
        assert_refused(Err::<(), Status>(status), Code::Unauthenticated, "NOT_LISTED");
    }
    assert!(told(&server, "whitelist renewed").await.contains("\"removed\":\"shop\""));
    assert!(told(&server, "stream ended").await.contains("shop"));

    // Whoever stays is not disturbed.
    list(&owner).await.unwrap();
    let product = owner.product().await;
    let mut owners = owners;
    let event = owners.message().await.unwrap().unwrap();
    assert_eq!(event.object_id, product.id);
}

#[tokio::test]
async fn a_scope_that_is_taken_away_is_missing_on_the_open_connection() {
    let server = watchful().await;
    let shop = server.shop().await;
    let watching = events(&shop).await;
    shop.product().await;
    server.rewrite(|text| text.replacen("scopes = [\"READ\", \"WRITE\"]", "scopes = [\"WRITE\"]", 1));
    refused(&shop, Code::PermissionDenied, "SCOPE_MISSING").await;
    shop.product().await;
    assert_refused(Err::<(), Status>(end(watching).await), Code::PermissionDenied, "SCOPE_MISSING");
    assert!(told(&server, "whitelist renewed").await.contains("\"changed\":\"shop\""));
}

#[tokio::test]
async fn a_client_that_is_added_is_known_on_the_connection_that_it_has() {
    let server = watchful().await;
    let stranger = server.client("stranger").await;
    assert_refused(list(&stranger).await, Code::Unauthenticated, "NOT_LISTED");
    let serial = Pki::shared().strangers_serial();
    server.rewrite(|text| {
        format!("{text}\n[[clients]]\nname = \"new\"\nserials = [{serial:?}]\nscopes = [\"READ\"]\n")
    });
    eventually("the client is known", async || list(&stranger).await.ok()).await;
    let create = stranger.products().create(Client::some_product()).await;
    assert_refused(create, Code::PermissionDenied, "SCOPE_MISSING");
}

#[tokio::test]
async fn settings_that_can_not_be_read_change_nothing_and_the_log_says_why_once() {
    let server = watchful().await;
    let shop = server.shop().await;
    server.rewrite(|text| format!("{text}\n[[clients]]\nname = \"half\n"));
    let line = told(&server, "a change cannot be used").await;
    assert!(line.contains("digota.toml, line") && line.contains("not TOML"), "{line}");
    // Several looks later nothing was said again, and nothing has changed.
    server.rewrite(|text| text.replace("[[clients]]\nname = \"half\n", ""));
    told(&server, "can be used again").await;
    list(&shop).await.unwrap();
    assert_eq!(server.process.log().matches("a change cannot be used").count(), 1);

    server.rewrite(|text| format!("tls.min_versoin = \"1.3\"\n{text}"));
    let line = told(&server, "the nearest is tls.min_version").await;
    assert!(line.contains("digota.toml"), "{line}");
    list(&shop).await.unwrap();
    list(&server.shop().await).await.unwrap();
}

#[tokio::test]
async fn a_whitelist_that_names_a_certificate_twice_changes_nothing() {
    let server = watchful().await;
    let shop = server.shop().await;
    let serial = server.serial_of("shop");
    // Seen only once the name of the CA is known: the entry above names none, and means the same.
    let thief = format!(
        "[[clients]]\nname = \"thief\"\nissuer = \"CN=digota CA\"\nserials = [{serial:?}]\nscopes = [\"WILDCARD\"]\n"
    );
    server.rewrite(|text| text + &thief);
    let line = told(&server, "a change cannot be used").await;
    assert!(
        line.contains("digota.toml: clients: ") && line.contains("listed twice, for shop and for thief"),
        "{line}"
    );
    list(&shop).await.unwrap();
    // What can be used later is, and the certificate is nobody else's meanwhile.
    server.rewrite(|text| text.replace(&thief, "").replacen("[\"READ\", \"WRITE\"]", "[\"WRITE\"]", 1));
    refused(&shop, Code::PermissionDenied, "SCOPE_MISSING").await;
}

#[tokio::test]
async fn what_needs_a_restart_is_said_to() {
    let server = watchful().await;
    server.rewrite(|text| format!("order.ttl_s = 7\n{text}"));
    let line = told(&server, "hold after a restart only").await;
    assert!(line.contains("\"order\""), "{line}");
}

#[tokio::test]
async fn a_hangup_makes_it_look_at_once() {
    let server = Server::with(Setup { settings: "tls.reload_ms = 4000", ..Setup::default() }).await;
    let shop = server.shop().await;
    server.process.hang_up();
    told(&server, "were read again, as asked").await;
    list(&shop).await.unwrap();
    let products = shop.products().list(ListRequest::default()).await.unwrap();
    assert_eq!(products.into_inner().total, 0);
}
