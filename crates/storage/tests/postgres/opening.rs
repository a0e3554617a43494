//! What is refused at the door, and what the operator is told.

use digota_servers::Postgres;
use digota_storage::{Config, Tls};

use super::{Server, config, nowhere, open};

pub(super) async fn each_obstacle_is_named_with_its_remedy(server: Server) {
    let good = config(&server);
    let address = server.address();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    for (config, expected) in [
        (
            Config { password: "wrong".into(), ..good.clone() },
            &["refuses user \"digota\"", "storage.password"][..],
        ),
        (Config { password: String::new(), ..good.clone() }, &["refuses user", "password"]),
        (
            Config { database: "nothing".into(), ..good.clone() },
            &["has no database \"nothing\"", "CREATE DATABASE nothing OWNER digota"],
        ),
        (
            Config { address: vec![closed.to_string()], ..good.clone() },
            &["can't reach PostgreSQL", "refused"],
        ),
        (Config { address: vec!["shop.db:x".into()], ..good.clone() }, &["host:port"]),
        (
            Config { tls: Tls { on: Some(true), authority: None }, ..good.clone() },
            &["does not speak TLS", "storage.tls"],
        ),
        (
            Config { tls: Tls { on: Some(true), authority: Some("/nowhere/ca.crt".into()) }, ..good.clone() },
            &["/nowhere/ca.crt"],
        ),
    ] {
        let said = refusal(&config).await;
        for part in expected {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
        assert!(!said.contains("wrong") && !said.contains(server.password()), "{said}");
    }
    let url = format!("postgres://digota@{address}/{}", good.database);
    drop(open(&Config { address: vec![url], database: String::new(), ..good }).await);

    server.sql("postgres", "CREATE DATABASE strange OWNER postgres").expect("a database");
    let strange = refusal(&Config { database: "strange".into(), ..nowhere(&server) }).await;
    assert!(strange.contains("may not make tables") && strange.contains("OWNER TO digota"), "{strange}");
    let latin = "CREATE DATABASE latin OWNER digota ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    server.sql("postgres", latin).expect("a database");
    let latin = refusal(&Config { database: "latin".into(), ..nowhere(&server) }).await;
    assert!(latin.contains("encoding LATIN1") && latin.contains("UTF8"), "{latin}");
}

pub(super) async fn a_shop_of_a_later_digota_is_refused(server: Server) {
    let config = config(&server);
    drop(open(&config).await);
    server.sql(&config.database, "UPDATE digota_schema SET version = 1000").expect("an update");
    let said = refusal(&config).await;
    assert!(said.contains("has schema 1000") && said.contains("later digota"), "{said}");
}

pub(super) async fn tables_of_another_program_are_left_alone(server: Server) {
    let config = config(&server);
    server.sql(&config.database, "CREATE TABLE orders (dish text)").expect("a table");
    let said = refusal(&config).await;
    assert!(said.contains("table \"orders\" that another program made"), "{said}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.sql(&config.database, tables).as_deref(), Ok("1"), "nothing was made");
}

pub(super) async fn the_servers_certificate_is_verified(_shared: Server) {
    let server = Postgres::start().expect("PostgreSQL starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let tls = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        Tls { on: Some(true), authority: Some(path) }
    };
    let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let (own, strange) = (made("localhost"), made("localhost"));
    server.speak_tls(&own.cert.pem(), &own.signing_key.serialize_pem()).expect("it can");
    let port = server.address().replace("127.0.0.1", "");
    let config = Config { address: vec![format!("localhost{port}")], ..config(&server) };

    let good = Config { tls: tls("own.crt", own.cert.pem()), ..config.clone() };
    eventually_open(&good).await;
    let encrypted =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'digota'";
    let shop = open(&good).await;
    assert_eq!(server.sql(&config.database, encrypted).as_deref(), Ok("t"));
    drop(shop);

    let strange = refusal(&Config { tls: tls("strange.crt", strange.cert.pem()), ..config.clone() }).await;
    assert!(strange.contains("can't reach") && strange.to_lowercase().contains("certificate"), "{strange}");
    let elsewhere = refusal(&Config { address: vec![server.address()], ..good }).await;
    assert!(elsewhere.contains("not valid for name"), "the certificate is for another name: {elsewhere}");
}

/// The server takes its new settings a moment after it was told.
async fn eventually_open(config: &Config) {
    for _ in 0..100 {
        if digota_storage::open(config).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(open(config).await);
}

async fn refusal(config: &Config) -> String {
    match digota_storage::open(config).await {
        Ok(_) => panic!("it must not open"),
        Err(error) => error.to_string(),
    }
}
