//! Certificates: good ones, bad ones, and none.

use std::sync::Arc;
use std::time::Duration;

use digota_proto::productpb::ListRequest;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, SerialNumber,
};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Endpoint, Identity};
use tonic::{Code, Status};

use crate::harness::{Client, Pki, Server, Setup, assert_refused, eventually};

/// A CA of ours or of a stranger.
struct Ca {
    certificate: String,
    key: String,
}

impl Ca {
    fn ours() -> Ca {
        Ca { certificate: Pki::shared().read("ca.crt"), key: Pki::shared().read("ca.key") }
    }

    /// A CA of its own with this name.
    fn named(name: &str) -> Ca {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ca { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::from_pem(&self.key).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, key).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    }
}

fn for_clients() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The bytes of a serial that openssl would print like this.
fn octets(serial: &str) -> SerialNumber {
    let digits: Vec<u8> = serial.bytes().map(|b| (b as char).to_digit(16).unwrap() as u8).collect();
    SerialNumber::from_slice(&digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<_>>())
}

async fn list(client: &Client) -> Result<(), Status> {
    client.products().list(ListRequest::default()).await.map(|_| ())
}

/// Asserts that whoever comes like this can not call, and that the log says why.
async fn assert_turned_away(server: &Server, identity: Option<Identity>, reason: &str) {
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
async fn a_certificate_that_is_not_for_clients_is_turned_away() {
    for usages in [vec![], vec![ExtendedKeyUsagePurpose::ServerAuth]] {
        let server = Server::start().await;
        let mut params = for_clients();
        params.extended_key_usages = usages;
        assert_turned_away(&server, Some(Ca::ours().sign(&params)), "lacks clientAuth").await;
    }
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

/// A client that speaks one version of TLS alone.
async fn speaking(
    server: &Server,
    version: &'static SupportedProtocolVersion,
) -> Result<Client, tonic::transport::Error> {
    let pki = Pki::shared();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.read("ca.crt").as_bytes()).unwrap()).unwrap();
    let certificate = CertificateDer::from_pem_slice(pki.read("shop.crt").as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pki.read("shop.key").as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config =
        builder.with_root_certificates(roots).with_client_auth_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (tls, address) = (TlsConnector::from(Arc::new(config)), server.address);
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            tls.connect("localhost".try_into().unwrap(), stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Ok(Client::new(endpoint.connect_with_connector(connector).await?))
}

#[tokio::test]
async fn clients_that_speak_tls_1_2_or_1_3_work() {
    let server = Server::start().await;
    for version in [&version::TLS12, &version::TLS13] {
        let shop = speaking(&server, version).await.unwrap();
        shop.paid(&shop.sku(1).await, 1).await;
    }
}

#[tokio::test]
async fn min_version_1_3_turns_1_2_away() {
    let server = Server::with(Setup { settings: "tls.min_version = \"1.3\"", ..Setup::default() }).await;
    assert!(speaking(&server, &version::TLS12).await.is_err());
    list(&speaking(&server, &version::TLS13).await.unwrap()).await.unwrap();
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
