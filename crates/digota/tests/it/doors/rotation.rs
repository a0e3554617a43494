//! Certificates are replaced while connections are open.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use rustls::version::TLS13;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tonic::Code;

use super::ca::{Ca, for_clients, octets};
use super::certificates::{assert_turned_away, list};
use super::changes::{told, watchful};
use super::versions::{shake, shop};
use crate::harness::{Client, Pki, Server, assert_refused, eventually};

/// Another certificate of the server, by the same CA, with its key.
fn another() -> (String, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ca::ours().pair(&params)
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// The certificate that the server shows whoever connects now.
async fn shown(server: &Server) -> CertificateDer<'static> {
    let stream = shake(server, &shop(&[&TLS13])).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Puts a key where only its owner can read it.
fn put_key(server: &Server, file: &str, key: &str) {
    fs::write(server.path(file), key).unwrap();
    fs::set_permissions(server.path(file), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server whose own certificate and key are files of its folder.
async fn with_own_files() -> Server {
    let server = watchful().await;
    let pki = Pki::shared();
    fs::write(server.path("own.crt"), pki.read("server.crt")).unwrap();
    put_key(&server, "own.key", &pki.read("server.key"));
    server.rewrite(|text| {
        text.replace(&pki.path("server.crt"), "own.crt").replace(&pki.path("server.key"), "own.key")
    });
    server
}

#[tokio::test]
async fn a_server_certificate_that_is_replaced_is_shown_to_new_connections_and_old_ones_stay() {
    let server = with_own_files().await;
    let open = server.shop().await;
    list(&open).await.unwrap();
    let (certificate, key) = another();
    put_key(&server, "own.key", &key);
    fs::write(server.path("own.crt"), &certificate).unwrap();
    eventually("the new certificate is shown", async || {
        (shown(&server).await == der(&certificate)).then_some(())
    })
    .await;
    told(&server, "server certificate renewed").await;
    list(&open).await.unwrap();
    list(&server.shop().await).await.unwrap();

    // By other names, in one edit of the settings.
    let (certificate, key) = another();
    put_key(&server, "next.key", &key);
    fs::write(server.path("next.crt"), &certificate).unwrap();
    server.rewrite(|text| text.replace("\"own.", "\"next."));
    eventually("the new certificate is shown", async || {
        (shown(&server).await == der(&certificate)).then_some(())
    })
    .await;
    list(&open).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_changes_nothing_and_the_log_says_why() {
    let server = with_own_files().await;
    let open = server.shop().await;
    let before = shown(&server).await;
    let (certificate, key) = another();

    fs::write(server.path("own.crt"), &certificate).unwrap();
    let line = told(&server, "does not belong to").await;
    assert!(line.contains("tls.key (own.key)") && line.contains("tls.crt (own.crt)"), "{line}");
    assert_eq!(shown(&server).await, before);

    fs::write(server.path("own.crt"), "noise").unwrap();
    told(&server, "tls.crt (own.crt) holds no certificate in PEM form").await;
    fs::remove_file(server.path("own.key")).unwrap();
    told(&server, "a change cannot be used").await;
    assert_eq!(shown(&server).await, before);
    list(&open).await.unwrap();

    // Meanwhile the whitelist is followed all the same.
    server.revoke("reader");
    told(&server, "whitelist renewed").await;

    put_key(&server, "own.key", &key);
    fs::write(server.path("own.crt"), &certificate).unwrap();
    eventually("the new certificate is shown", async || {
        (shown(&server).await == der(&certificate)).then_some(())
    })
    .await;
    told(&server, "can be used again").await;
    list(&open).await.unwrap();
}

/// The steps that the manual gives: both CAs are trusted for a while.
#[tokio::test]
async fn a_ca_is_replaced_step_by_step_and_nobody_who_moved_is_disturbed() {
    let server = watchful().await;
    let next = Ca::named("next CA");
    let mut params = for_clients();
    params.serial_number = Some(octets("0ABCDE"));
    let moved = next.sign(&params);
    assert_turned_away(&server, Some(moved.clone()), "client certificate of an unknown CA").await;
    let old = server.shop().await;
    list(&old).await.unwrap();

    let both = fs::read_to_string(server.path("ca.crt")).unwrap() + &next.certificate;
    fs::write(server.path("ca.crt"), both).unwrap();
    told(&server, "trusted CAs renewed").await;
    server.rewrite(|text| {
        text + "[[clients]]\nname = \"shop on next CA\"\nissuer = \"CN=next CA\"\nserials = [\"abcde\"]\nscopes = [\"READ\"]\n"
    });
    let connect = async || {
        let client = server.connect(Some(moved.clone())).await.ok()?;
        list(&client).await.ok().map(|()| client)
    };
    let new: Client = eventually("a client of the next CA comes in", connect).await;
    list(&old).await.unwrap();

    fs::write(server.path("ca.crt"), &next.certificate).unwrap();
    let status = eventually("the old CA is not trusted", async || list(&old).await.err()).await;
    assert_refused(Err::<(), _>(status), Code::Unauthenticated, "CERTIFICATE_OUTDATED");
    list(&new).await.unwrap();
    assert_turned_away(&server, Some(Pki::shared().identity("shop")), "client certificate of an unknown CA")
        .await;
    list(&server.connect(Some(moved)).await.unwrap()).await.unwrap();
}
