//! Settings, flags, and ways to start.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::harness::{Client, Pki, Process, Server, digota, run};

/// The lines of one of the shared whitelist's entries as environment variables would have them.
fn serial_of(name: &str) -> String {
    let entry = format!("name = {name:?}\nserials = [\"");
    let rest = Pki::shared().whitelist().split_once(&entry).unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

async fn connect(address: std::net::SocketAddr, ca: &str, certificate: &str, key: &str) -> Client {
    let tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(ca))
        .identity(Identity::from_pem(certificate, key));
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", address.port())).unwrap();
    Client::new(endpoint.tls_config(tls).unwrap().connect().await.unwrap())
}

/// Defect 20 of digota 0.1: the environment alone is enough, clients and providers included.
#[tokio::test]
async fn a_server_can_be_configured_by_its_environment_alone() {
    let (folder, pki) = (TempDir::new().unwrap(), Pki::shared());
    let mut command = digota(&[]);
    command.current_dir(folder.path()).envs([
        ("DIGOTA_ADDRESS", "127.0.0.1:0".to_owned()),
        ("DIGOTA_INSECURE", "F".to_owned()),
        ("DIGOTA_TLS_KEY", pki.path("server.key")),
        ("DIGOTA_TLS_CRT", pki.path("server.crt")),
        ("DIGOTA_TLS_CACRT", pki.path("ca.crt")),
        ("DIGOTA_STORAGE_HANDLER", "sqlite".to_owned()),
        ("DIGOTA_STORAGE_ADDRESS", "shop.db".to_owned()),
        ("DIGOTA_LOCKER_HANDLER", "memory".to_owned()),
        ("DIGOTA_PAYMENT_0_PROVIDER", "sandbox".to_owned()),
        ("DIGOTA_CLIENTS_0_NAME", "shop".to_owned()),
        ("DIGOTA_CLIENTS_0_SERIALS", serial_of("shop")),
        ("DIGOTA_CLIENTS_0_SCOPES", "READ,WRITE".to_owned()),
    ]);
    let mut process = Process::spawn(command);
    let address = process.address("serving").await;
    let [ca, certificate, key] = ["ca.crt", "shop.crt", "shop.key"].map(|file| pki.read(file));
    let shop = connect(address, &ca, &certificate, &key).await;
    shop.paid(&shop.sku(5).await, 1).await;
    assert!(folder.path().join("shop.db").exists());
}

#[tokio::test]
async fn the_switches_of_the_original_are_spelled_as_go_spells_them() {
    for yes in ["1", "t", "T", "true", "TRUE", "True"] {
        let folder = TempDir::new().unwrap();
        let mut command = digota(&[]);
        command.current_dir(folder.path()).env("DIGOTA_INSECURE", yes).env("DIGOTA_ADDRESS", "127.0.0.1:0");
        Process::spawn(command).address("serving").await;
    }
    let (folder, mut command) = (TempDir::new().unwrap(), digota(&["config"]));
    command.current_dir(folder.path()).env("DIGOTA_INSECURE", "yes");
    let (good, text) = run(command);
    assert!(!good && text.contains("DIGOTA_INSECURE"), "{text}");
}

#[test]
fn config_prints_where_each_setting_came_from_and_no_secret() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("digota.toml"), "insecure = true\norder.ttl_s = 60\n").unwrap();
    fs::write(folder.path().join("secret"), "hunter3\n").unwrap();
    let with = |variables: &[(&str, &str)]| {
        let mut command = digota(&["config"]);
        command.current_dir(folder.path()).envs(variables.iter().copied());
        run(command)
    };
    let (good, text) = with(&[
        ("DIGOTA_STORAGE_HANDLER", "postgresql"),
        ("DIGOTA_STORAGE_ADDRESS", "postgres://me:hunter1@db:5432/shop"),
        ("DIGOTA_STORAGE_PASSWORD", "hunter2"),
    ]);
    assert!(good, "{text}");
    assert!(!text.contains("hunter"), "{text}");
    for line in [
        "order.ttl_s = 60  (file digota.toml, line 2)",
        "storage.handler = \"postgresql\"  (env DIGOTA_STORAGE_HANDLER)",
        "limits.in_flight_max = 256  (default)",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (good, text) = with(&[("DIGOTA_STORAGE_PASSWORD_FILE", "secret")]);
    assert!(good && text.contains("storage.password = \"(hidden)\"") && !text.contains("hunter"), "{text}");
    let (good, text) = with(&[("DIGOTA_ORDER_TTL", "5")]);
    assert!(!good && text.contains("DIGOTA_ORDER_TTL_S"), "{text}");
}

#[test]
fn the_flags_of_the_original_are_there() {
    let (good, text) = run(digota(&["--version"]));
    assert!(good && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    let (good, text) = run(digota(&["--help"]));
    assert!(
        good && ["--info", "--debug", "--version", "serve"].iter().all(|word| text.contains(word)),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_without_certificates_says_how_to_get_them() {
    let folder = TempDir::new().unwrap();
    let mut command = digota(&["serve"]);
    command.current_dir(folder.path());
    let (good, text) = run(command);
    assert!(!good && text.contains("digota ca init") && text.contains("serve --dev"), "{text}");
}

#[tokio::test]
async fn dev_serves_on_this_machine_with_nothing_to_set_up() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let mut command = digota(&["serve", "--dev", "--data", "data"]);
        command.current_dir(folder.path()).env("DIGOTA_ADDRESS", "127.0.0.1:0");
        let mut process = Process::spawn(command);
        let address = process.address("serving").await;
        let read = |file: &str| fs::read_to_string(folder.path().join("data/certs").join(file)).unwrap();
        let dev = connect(address, &read("ca.crt"), &read("dev.crt"), &read("dev.key")).await;
        dev.paid(&dev.sku(5).await, 1).await;
        process.terminate();
        assert!(process.ended().await.success());
    }
    let mut public = digota(&["serve", "--dev", "--data", "data"]);
    public.current_dir(folder.path()).env("DIGOTA_ADDRESS", "0.0.0.0:0");
    let (good, text) = run(public);
    assert!(!good && text.contains("this machine only"), "{text}");
}

#[tokio::test]
async fn the_demo_plays_twice_on_the_same_data() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let mut command = digota(&["demo", "--data", "data"]);
        command.current_dir(folder.path());
        let (good, text) = tokio::task::spawn_blocking(|| run(command)).await.unwrap();
        assert!(good && text.contains("refused") && text.contains("returned"), "{text}");
    }
}

#[tokio::test]
async fn a_server_is_ready_soon() {
    let started = Instant::now();
    let server = Server::start().await;
    let took = started.elapsed();
    server.shop().await.product().await;
    // Far more than it takes, so that a busy machine does not fail it.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
