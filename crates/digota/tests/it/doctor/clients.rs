//! The whitelist and the CAs behind it.

use std::fs;

use super::stage::Stage;

/// The serial in the settings file.
fn serial(stage: &Stage) -> String {
    let text = stage.read("digota.toml");
    text.split_once("serials = [\"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn an_entry_that_matches_no_certificate() {
    let mut stage = Stage::healthy().await;
    let good = serial(&stage);
    stage.edit(&good, "0123456789ABCDEF");
    stage.assert_found(
        "warning",
        "clients.0",
        &["no certificate in certs has the serial 0123456789ABCDEF", &good],
    );
    stage.follow_the_advice();
    assert_eq!(serial(&stage), good);
}

#[tokio::test]
async fn a_serial_that_is_none() {
    let mut stage = Stage::healthy().await;
    let good = serial(&stage);
    stage.edit(&good, "shop's certificate");
    stage.assert_found("error", "clients.0.serials", &["hexadecimal", &good]);
    stage.follow_the_advice();
    stage.serve().await;
}

#[tokio::test]
async fn a_client_whose_ca_is_not_the_configured_one() {
    let mut stage = Stage::healthy().await;
    stage.sh("digota ca init --dir other --name another-CA");
    stage.edit("cacrt = \"certs/ca.crt\"", "cacrt = \"other/ca.crt\"");
    stage.words = vec!["--client certs/shop.crt".into()];
    stage.assert_found("error", "certs/shop.crt", &["signed by CN=digota CA", "certs/ca.crt"]);
    stage.follow_the_advice();
    assert!(stage.seen("clients").contains("comes in as shop, for READ, WRITE"));
}

#[tokio::test]
async fn a_client_of_a_partners_ca() {
    let mut stage = Stage::healthy().await;
    stage.sh("digota ca init --dir partner --name partner-CA && digota ca issue till --dir partner");
    fs::remove_file(stage.path("partner/ca.key")).unwrap();
    stage.words = vec!["--client partner/till.crt".into(), "--client certs/shop.crt".into()];
    stage.assert_found("error", "partner/till.crt", &["cat partner/ca.crt >> certs/ca.crt"]);
    stage.follow_the_advice();
    let seen = stage.seen("clients");
    assert!(
        seen.contains("comes in as till, for READ") && seen.contains("as shop, for READ, WRITE"),
        "{seen}"
    );
    stage.serve().await;
}

#[tokio::test]
async fn a_client_of_a_partners_ca_who_is_listed_as_one_of_ours() {
    let mut stage = Stage::healthy().await;
    stage.sh("digota ca init --dir partner --name partner-CA && cat partner/ca.crt >> certs/ca.crt");
    let issued = stage.sh("digota ca issue till --dir partner");
    let entry = issued.split_once("[[clients]]").unwrap().1;
    stage.write("digota.toml", &format!("{}\n[[clients]]{entry}", stage.read("digota.toml")));
    stage.words = vec!["--client partner/till.crt".into()];
    stage.assert_found("error", "partner/till.crt", &["is not in the whitelist", "CN=partner-CA"]);
    stage.edit("name = \"till\"", "name = \"till\"\nissuer = \"CN=nobody\"");
    stage.assert_found("warning", "clients.1.issuer", &["CN=nobody is none of the CAs"]);
    stage.edit("issuer = \"CN=nobody\"\n", "");
    // The partner's folder is not ours to look into: without the certificate nothing can be said of the entry but this.
    stage.edit("[[clients]]\nname = \"till\"", "[[clients]]\nissuer = \"CN=partner-CA\"\nname = \"till\"");
    stage.assert_content();
}

#[tokio::test]
async fn a_client_that_nobody_listed_while_the_whitelist_is_in_the_environment() {
    let mut stage = Stage::healthy().await;
    let text = stage.read("digota.toml");
    let (settings, _) = text.split_once("[[clients]]").unwrap();
    let serial = serial(&stage);
    stage.write("digota.toml", settings);
    for (name, value) in [("NAME", "shop"), ("SERIALS", &serial), ("SCOPES", "READ,WRITE")] {
        stage.variables.insert(format!("DIGOTA_CLIENTS_0_{name}"), value.to_owned());
    }
    stage.assert_content();
    stage.sh("digota ca issue till --dir certs");
    stage.words = vec!["--client certs/till.crt".into()];
    stage.assert_found("error", "certs/till.crt", &["DIGOTA_CLIENTS_1_FINGERPRINTS"]);
    stage.follow_the_advice();
    assert!(stage.seen("clients").contains("comes in as till"));
    stage.variables.insert("DIGOTA_CLIENTS_0_SERIALS".into(), "xyz".into());
    stage.assert_found("error", "DIGOTA_CLIENTS_0_SERIALS", &[&serial]);
    stage.follow_the_advice();
}

#[tokio::test]
async fn an_empty_whitelist() {
    let stage = Stage::healthy().await;
    let text = stage.read("digota.toml");
    stage.write("digota.toml", text.split_once("[[clients]]").unwrap().0);
    stage.assert_found("warning", "clients", &["lets nobody in", "digota ca issue"]);
}
