//! Keys, certificates, settings: what can be wrong with files.

use std::fs;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};

use super::stage::Stage;

#[tokio::test]
async fn a_key_that_others_may_read() {
    let mut stage = Stage::healthy().await;
    stage.set_mode("certs/server.key", 0o644);
    stage.assert_found("error", "tls.key", &["0644", "chmod 600 certs/server.key"]);
    stage.follow_the_advice();
    stage.serve().await;
}

/// Makes the server a certificate that was valid until an hour ago, or ends in some days.
fn reissue(stage: &Stage, days_left: i64) {
    let ca_key = KeyPair::from_pem(&stage.read("certs/ca.key")).unwrap();
    let ca = Issuer::from_ca_cert_pem(&stage.read("certs/ca.crt"), ca_key).unwrap();
    let names = ["localhost", "127.0.0.1", "shop.example"].map(str::to_owned);
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    let now = jiff::Timestamp::now().as_second() - 3600 + days_left * 86_400;
    params.not_after =
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(now.try_into().unwrap());
    let key = KeyPair::generate().unwrap();
    stage.write("certs/server.crt", &params.signed_by(&key, &ca).unwrap().pem());
    stage.write("certs/server.key", &key.serialize_pem());
}

#[tokio::test]
async fn a_certificate_that_has_expired() {
    let mut stage = Stage::healthy().await;
    reissue(&stage, 0);
    stage.assert_found("error", "tls.crt", &["expired on", "digota ca issue server-2 --dir certs"]);
    stage.follow_the_advice();
    assert!(stage.seen("tls").contains("for localhost, 127.0.0.1, shop.example"), "the names stay");
    stage.serve().await;
}

#[tokio::test]
async fn a_certificate_that_ends_soon() {
    let mut stage = Stage::healthy().await;
    reissue(&stage, 10);
    stage.assert_found("warning", "tls.crt", &["ends on"]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn a_key_of_another_certificate() {
    let mut stage = Stage::healthy().await;
    stage.edit("certs/server.key", "certs/shop.key");
    stage.assert_found("error", "tls.key", &["does not belong to", "certs/server.key"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_key_that_was_written_over() {
    let mut stage = Stage::healthy().await;
    fs::copy(stage.path("certs/ca.key"), stage.path("certs/server.key")).unwrap();
    stage.assert_found("error", "tls.key", &["does not belong to", "digota ca issue server-2"]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn files_that_are_not_there() {
    let mut stage = Stage::healthy().await;
    for file in ["ca.crt", "server.crt", "server.key"] {
        fs::remove_file(stage.path("certs").join(file)).unwrap();
    }
    fs::remove_dir_all(stage.path("certs")).unwrap();
    let first = stage.assert_found("error", "tls.cacrt", &["does not exist", "digota ca init --dir certs"]);
    stage.sh(first.fix[0]["run"].as_str().unwrap());
    // A new CA knows no client, and says so.
    stage.assert_found("warning", "clients.0", &["no certificate in certs", "digota ca issue shop"]);
    stage.sh("digota ca issue shop --dir certs");
    stage.follow_the_advice();
}

#[tokio::test]
async fn a_setting_that_does_not_exist() {
    for (from, to, named) in [
        ("address = \"127", "adress = \"127", "adress"),
        ("crt = \"certs/server", "cert = \"certs/server", "tls.cert"),
        ("[storage]", "[storag]", "storag.address"),
        ("[[payment]]", "[payment]", "payment.address"),
    ] {
        let mut stage = Stage::healthy().await;
        stage.edit(from, to);
        stage.assert_found("error", named, &["no such setting; the nearest is"]);
        stage.follow_the_advice();
        stage.serve().await;
    }
}

#[tokio::test]
async fn a_variable_that_does_not_exist() {
    let mut stage = Stage::healthy().await;
    stage.variables.insert("DIGOTA_ORDER_TTL".into(), "60".into());
    stage.assert_found("error", "DIGOTA_ORDER_TTL", &["rename", "DIGOTA_ORDER_TTL_S"]);
    stage.follow_the_advice();
    assert!(stage.sh("digota config").contains("order.ttl_s = 60  (env DIGOTA_ORDER_TTL_S)"));
}

#[tokio::test]
async fn a_value_that_does_not_make_sense() {
    let mut stage = Stage::healthy().await;
    stage.edit("[storage]", "[log]\nlevel = \"loud\"\n\n[storage]");
    stage.variables.insert("DIGOTA_LIMITS_IN_FLIGHT_MAX".into(), "many".into());
    stage.assert_found("error", "log.level", &["loud", "is not one of", "digota.toml, line 9"]);
    stage.assert_found("error", "DIGOTA_LIMITS_IN_FLIGHT_MAX", &["whole number"]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn settings_that_others_may_write() {
    let mut stage = Stage::healthy().await;
    for (mode, level) in [(0o666, "error"), (0o664, "warning")] {
        stage.set_mode("digota.toml", mode);
        stage.assert_found(level, "digota.toml", &["others may write it", "chmod go-w digota.toml"]);
        stage.follow_the_advice();
    }
}

#[tokio::test]
async fn a_secret_that_others_may_read() {
    let mut stage = Stage::healthy().await;
    stage.edit("[storage]", "[storage]\npassword = \"hunter2\"");
    stage.set_mode("digota.toml", 0o644);
    let found = stage.assert_found("warning", "digota.toml", &["storage.password", "chmod go-rw"]);
    assert!(!format!("{found:?}").contains("hunter2"));
    stage.follow_the_advice();
}
