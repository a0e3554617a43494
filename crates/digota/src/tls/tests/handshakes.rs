//! Who gets in, and what the others are told.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};

use super::stage::{self, Client, Stage, a_day_from, valid};
use crate::ca::Authority;
use crate::tls::{Credentials, MinVersion};

#[tokio::test]
async fn a_client_of_our_ca_comes_in_and_its_peer_carries_the_leaf() {
    let mut stage = Stage::new().await;
    for version in [&TLS13, &TLS12] {
        let client = Client { versions: vec![version], ..stage.client() };
        let serial = client.certificate.as_ref().unwrap().serial.clone();
        let peer = stage.welcome(client).await;
        let leaf = &peer.proof.expect("a TLS peer proved who it is").leaf;
        assert_eq!(leaf.serial, serial);
        assert_eq!(leaf.issuer, "CN=test CA".parse().unwrap());
        assert!(peer.addr.ip().is_loopback());
    }
}

#[tokio::test]
async fn without_a_certificate_nobody_comes_in() {
    let stage = Stage::new().await;
    let client = |version| Client { versions: vec![version], ..stage.client_with(None) };
    assert_eq!(stage.alert(client(&TLS13)).await, AlertDescription::CertificateRequired);
    assert_eq!(stage.alert(client(&TLS12)).await, AlertDescription::CertificateRequired);
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() {
    let stage = Stage::new().await;
    let other = Authority::create("other CA", valid()).unwrap();
    let client = stage.client_with(Some(other.issue_client("shop", valid()).unwrap()));
    assert_eq!(stage.alert(client).await, AlertDescription::UnknownCA);
}

#[tokio::test]
async fn a_certificate_of_a_false_ca_with_our_ca_s_name_is_refused() {
    let stage = Stage::new().await;
    let rogue = Authority::create("test CA", valid()).unwrap();
    let client = stage.client_with(Some(rogue.issue_client("shop", valid()).unwrap()));
    assert_eq!(stage.alert(client).await, AlertDescription::DecryptError);
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let stage = Stage::new().await;
    for (from_h, what) in [(-48, "expired"), (12, "not yet valid")] {
        let issued = stage.authority().issue_client("shop", a_day_from(from_h)).unwrap();
        let alert = stage.alert(stage.client_with(Some(issued))).await;
        assert_eq!(alert, AlertDescription::CertificateExpired, "{what}");
    }
}

#[tokio::test]
async fn a_certificate_for_servers_only_is_refused() {
    let stage = Stage::new().await;
    let issued = stage::signed_by_hand(&stage.folder, for_servers());
    let alert = stage.alert(stage.client_with(Some(issued))).await;
    assert_eq!(alert, AlertDescription::UnsupportedCertificate);
}

fn for_servers() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

#[tokio::test]
async fn a_certificate_that_does_not_say_what_it_is_for_comes_in() {
    let mut stage = Stage::new().await;
    let issued = stage::signed_by_hand(&stage.folder, CertificateParams::default());
    stage.welcome(stage.client_with(Some(issued))).await;
}

#[tokio::test]
async fn min_version_1_3_refuses_1_2() {
    let mut stage = Stage::with(MinVersion::Tls13).await;
    let client = Client { versions: vec![&TLS12], ..stage.client() };
    assert_eq!(stage.alert(client).await, AlertDescription::ProtocolVersion);
    stage.welcome(stage.client()).await;
}

#[tokio::test]
async fn a_client_that_speaks_only_http_1_is_refused() {
    let stage = Stage::new().await;
    let client = Client { alpn: b"http/1.1", ..stage.client() };
    assert_eq!(stage.alert(client).await, AlertDescription::NoApplicationProtocol);
}

#[tokio::test]
async fn the_next_handshake_uses_a_configuration_that_was_put_in_its_place() {
    let mut stage = Stage::new().await;
    stage.welcome(stage.client()).await;
    let old = stage.client();
    let (_temporary, folder) = stage::folder();
    let credentials = Credentials::load(&folder.server_files(), MinVersion::Tls12).unwrap();
    stage.credentials.store(Arc::new(credentials));
    stage.folder = folder;
    stage.welcome(stage.client()).await;
    assert_eq!(stage.alert(old).await, AlertDescription::DecryptError, "the CA changed, its name did not");
}

#[tokio::test]
async fn each_refusal_is_one_log_line_with_its_reason() {
    log::keep();
    let stage = Stage::new().await;
    let other = Authority::create("other CA", valid()).unwrap().issue_client("shop", valid()).unwrap();
    let expired = stage.authority().issue_client("shop", a_day_from(-48)).unwrap();
    let for_servers = stage::signed_by_hand(&stage.folder, for_servers());
    for certificate in [None, Some(other), Some(expired), Some(for_servers)] {
        stage.alert(stage.client_with(certificate)).await;
    }
    let reasons =
        ["no client certificate", "certificate of an unknown CA", "certificate expired", "lacks clientAuth"];
    // The client may read its alert before the server writes its line.
    let written = async {
        while log::text().lines().count() < reasons.len() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), written).await.expect("a line is missing");
    let text = log::text();
    assert_eq!(text.lines().count(), reasons.len(), "{text}");
    for (line, reason) in text.lines().zip(reasons) {
        assert!(line.contains("WARN") && line.contains("peer=127.0.0.1:") && line.contains(reason), "{line}");
    }
}

/// Log lines of this thread. A subscriber for one thread alone would not do: while there is only one, a log
/// line that another thread reaches first is switched off for all.
mod log {
    use std::cell::RefCell;
    use std::io::{self, Write};

    thread_local! { static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) } }

    pub(super) fn keep() {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Lines).finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other test keeps log lines");
    }

    pub(super) fn text() -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
    }

    struct Lines;

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LINES.with_borrow_mut(|lines| lines.write(bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
