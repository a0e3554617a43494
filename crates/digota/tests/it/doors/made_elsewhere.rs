//! Certificates as certstrap and openssl make them; `testdata/make.sh` did.

use std::fs;
use std::path::Path;

use rustls::version::TLS13;
use tokio::io::AsyncReadExt;
use tonic::transport::Identity;

use super::certificates::list;
use super::changes::told;
use super::versions::{bringing, shake};
use crate::harness::{Server, Setup};

/// A file of the test data.
fn read(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/doors/testdata");
    fs::read_to_string(folder.join(file)).unwrap()
}

fn identity(name: &str) -> Identity {
    Identity::from_pem(read(&format!("{name}.crt")), read(&format!("{name}.key")))
}

/// The issuers as `openssl x509 -noout -issuer` prints them.
const CERTSTRAP: &str = "CN = certstrap-ca";
const OPENSSL: &str = "C = US, O = \"Company, Inc.\", CN = ca.company.com";

/// A server that trusts both CAs and lists these certificates by issuer and serial.
async fn listing(certificates: &[(&str, &str, &str)]) -> Server {
    let entry = |(name, issuer, serial): &(&str, &str, &str)| {
        format!(
            "[[clients]]\nname = {name:?}\nissuer = {issuer:?}\nserials = [{serial:?}]\nscopes = [\"READ\"]\n"
        )
    };
    let clients = certificates.iter().map(entry).collect();
    let authorities = read("certstrap-ca.crt") + &read("openssl-ca.crt");
    Server::with(Setup { authorities, clients, ..Setup::default() }).await
}

#[tokio::test]
async fn certificates_of_certstrap_come_in() {
    // Serials as `openssl x509 -noout -serial` prints them; the first has its top bit set, as Go's may.
    let certificates = [
        ("certstrap-cn", CERTSTRAP, "F3A1C04E5B7796D2883910AACDEF0142"),
        ("certstrap-domain", CERTSTRAP, "0B"),
    ];
    let server = listing(&certificates).await;
    for (name, ..) in certificates {
        list(&server.connect(Some(identity(name))).await.unwrap()).await.expect(name);
    }
}

#[tokio::test]
async fn certificates_of_openssl_come_in_with_and_without_names_and_usages() {
    let certificates = [
        ("rsa-plain", OPENSSL, "1001"),
        ("rsa-full", OPENSSL, "1002"),
        ("ec-plain", OPENSSL, "1003"),
        ("ec-full", OPENSSL, "1004"),
    ];
    let server = listing(&certificates).await;
    for (name, ..) in certificates {
        list(&server.connect(Some(identity(name))).await.unwrap()).await.expect(name);
    }
}

#[tokio::test]
async fn certificates_that_can_not_be_a_clients_are_turned_away_and_the_log_says_why() {
    let certificates = [
        ("version-1", "not of X.509 version 3"),
        ("for-servers", "extended key usage lacks clientAuth"),
        ("enciphers-only", "key usage lacks digitalSignature"),
        ("is-a-ca", "is a CA's own"),
        ("signed-with-sha1", "signed with an algorithm that is not trusted"),
        ("serial-zero", "a serial is not zero"),
        ("serial-too-long", "at most 20 octets"),
    ];
    // Listed as far as they can be: it is not the whitelist that turns them away.
    let serials = ["2001", "2002", "2003", "2004", "2005"];
    let listed: Vec<(&str, &str, &str)> =
        certificates.iter().zip(serials).map(|((name, _), serial)| (*name, OPENSSL, serial)).collect();
    let server = listing(&listed).await;
    for (name, reason) in certificates {
        let config = bringing(&read(&format!("{name}.crt")), &read(&format!("{name}.key")), &[&TLS13]);
        // In TLS 1.3 the client learns only by reading that it was turned away.
        if let Ok(mut stream) = shake(&server, &config).await {
            let error = stream.read_to_end(&mut Vec::new()).await.expect_err(name).to_string();
            assert!(error.contains("alert"), "{name}: {error}");
        }
        told(&server, reason).await;
    }
    assert_eq!(
        server.process.log().matches("connection refused").count(),
        certificates.len(),
        "one line each"
    );
}
