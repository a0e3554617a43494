//! Settings as an operator meets them: files, variables, messages.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use digota_core::access::Scope;
use tempfile::TempDir;

use super::key::{Key, Kind};
use super::problem::Problems;
use super::sources::Loaded;
use super::*;
use crate::tls::MinVersion;

/// What makes a server start without certificates, so that a test can look at one other thing.
const INSECURE: (&str, &str) = ("DIGOTA_INSECURE", "true");

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

/// Loads a file with this text and these variables.
fn load(file: &str, pairs: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("digota.toml");
    fs::write(&path, file).unwrap();
    Sources::of(Some(path), variables(pairs)).load()
}

fn settings(file: &str, pairs: &[(&str, &str)]) -> Settings {
    load(file, pairs).unwrap().settings
}

/// The keys and texts of everything that is wrong.
fn problems(file: &str, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let problems = load(file, pairs).expect_err("nothing was wrong").0;
    problems.into_iter().map(|problem| (problem.key, problem.text)).collect()
}

fn keys_at_fault(file: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    problems(file, pairs).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let settings = settings("", &[INSECURE]);
    assert_eq!(settings, Settings { insecure: true, ..Settings::default() });
    assert_eq!(settings.address.to_string(), "127.0.0.1:3051");
    assert_eq!(settings.storage.address.expose(), "digota.db");
}

#[test]
fn a_missing_default_file_is_fine_and_a_missing_named_one_is_not() {
    let nowhere = PathBuf::from("/nowhere/digota.toml");
    assert!(Sources::of(None, variables(&[INSECURE])).load().is_ok());
    for (config, pairs) in [
        (Some(nowhere.clone()), variables(&[INSECURE])),
        (None, variables(&[INSECURE, ("DIGOTA_CONFIG", "/nowhere/digota.toml")])),
    ] {
        let problems = Sources::of(config, pairs).load().unwrap_err();
        assert!(problems.to_string().contains("/nowhere/digota.toml: cannot read"), "{problems}");
    }
}

#[test]
fn a_file_that_everybody_can_write_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("digota.toml");
    fs::write(&path, "insecure = true").unwrap();
    for (mode, good) in [(0o666, false), (0o602, false), (0o664, true), (0o400, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = Sources::of(Some(path.clone()), vec![]).load();
        assert_eq!(loaded.is_ok(), good, "{mode:o}");
        assert!(good || loaded.unwrap_err().to_string().contains("chmod o-w"), "{mode:o}");
    }
}

#[test]
fn a_look_for_changes_within_the_promise_of_10_seconds() {
    for (ms, good) in [("99", false), ("100", true), ("4000", true), ("4001", false)] {
        let files = [("DIGOTA_TLS_KEY", "k"), ("DIGOTA_TLS_CRT", "c"), ("DIGOTA_TLS_CACRT", "a")];
        let with = [&files[..], &[("DIGOTA_TLS_RELOAD_MS", ms)]].concat();
        assert_eq!(load("", &with).is_ok(), good, "{ms}");
    }
}

#[test]
fn every_section_can_be_set_in_the_file() {
    let settings = settings(
        r#"
        address = ":3051"
        [tls]
        key = "server.key"
        crt = "server.crt"
        cacrt = "ca.crt"
        min_version = "1.3"
        [storage]
        handler = "postgresql"
        address = "db:5432"
        username = "shop"
        password = "hunter2"
        database = "digota"
        [[payment]]
        provider = "sandbox"
        address = "http://127.0.0.1:1"
        [order]
        ttl_s = 60
        [[clients]]
        name = "shop"
        serials = ["0A:BC", "dec:1"]
        scopes = ["READ", "write"]
        [[clients]]
        name = "admin"
        issuer = "CN=other"
        serials = ["abc"]
        scopes = ["WILDCARD"]
        [log]
        level = "debug"
        format = "json"
        "#,
        &[],
    );
    assert_eq!(settings.tls.min_version, MinVersion::Tls13);
    assert_eq!(settings.tls_files().unwrap().cacrt, PathBuf::from("ca.crt"));
    assert_eq!(settings.storage.password.unwrap().expose(), "hunter2");
    assert!(settings.payment[0].is_sandbox());
    assert_eq!(settings.order.ttl_s, 60);
    assert_eq!(settings.clients[0].serials, ["abc".parse().unwrap(), "1".parse().unwrap()]);
    assert_eq!(settings.clients[0].scopes, [Scope::Read, Scope::Write]);
    assert_eq!(settings.clients[1].issuer, Some("CN=other".parse().unwrap()));
    assert_eq!((settings.log.level, settings.log.format), (Level::Debug, Format::Json));
}

#[test]
fn the_variables_of_the_original_work() {
    let settings = settings(
        "",
        &[
            ("DIGOTA_ADDRESS", "0.0.0.0:3051"),
            ("DIGOTA_INSECURE", "F"),
            ("DIGOTA_TLS_KEY", "server.key"),
            ("DIGOTA_TLS_CRT", "server.crt"),
            ("DIGOTA_TLS_CACRT", "ca.crt"),
            ("DIGOTA_STORAGE_HANDLER", "mongodb"),
            ("DIGOTA_STORAGE_ADDRESS", "a:27017,b:27017"),
            ("DIGOTA_STORAGE_USERNAME", "shop"),
            ("DIGOTA_STORAGE_PASSWORD", "hunter2"),
            ("DIGOTA_STORAGE_DATABASE", "digota"),
            ("DIGOTA_LOCKER_HANDLER", "zookeeper"),
            ("DIGOTA_LOCKER_ADDRESS", "z:2181"),
        ],
    );
    assert_eq!(settings.address.to_string(), "0.0.0.0:3051");
    assert!(!settings.insecure);
    assert_eq!(settings.storage.address.expose(), "a:27017,b:27017");
    assert_eq!(settings.locker.address.unwrap().expose(), "z:2181");
}

#[test]
fn go_s_spellings_of_true_and_false_are_understood() {
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        assert!(settings("", &[("DIGOTA_INSECURE", text)]).insecure, "{text}");
    }
    for text in ["0", "f", "F", "FALSE", "false", "False"] {
        let keys = keys_at_fault("insecure = true", &[("DIGOTA_INSECURE", text)]);
        assert_eq!(keys, ["tls.key", "tls.crt", "tls.cacrt"], "{text}");
    }
    assert_eq!(keys_at_fault("insecure = true", &[("DIGOTA_INSECURE", "yes")]), ["DIGOTA_INSECURE"]);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_a_preset() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("digota.toml");
    fs::write(&path, "insecure = true\n[order]\nttl_s = 2\n[limits]\nin_flight_max = 2").unwrap();
    let loaded = Sources::of(Some(path), variables(&[("DIGOTA_ORDER_TTL_S", "3")]))
        .preset(
            "--dev",
            &[("order.ttl_s", "1"), ("limits.in_flight_max", "1"), ("payment.0.provider", "sandbox")],
        )
        .load()
        .unwrap();
    assert_eq!(loaded.settings.order.ttl_s, 3);
    assert_eq!(loaded.settings.limits.in_flight_max, 2);
    assert!(loaded.settings.payment[0].is_sandbox());
    assert!(loaded.explain().contains(&r#"payment.0.provider = "sandbox"  (--dev)"#.to_owned()));
}

#[test]
fn one_rule_reaches_every_setting_lists_included() {
    let settings = settings(
        "",
        &[
            INSECURE,
            ("DIGOTA_LIMITS_IN_FLIGHT_MAX", "7"),
            ("DIGOTA_PAYMENTS_IN_FLIGHT_MAX", "8"),
            ("DIGOTA_PAYMENT_0_PROVIDER", "Stripe"),
            ("DIGOTA_PAYMENT_1_PROVIDER", "PayPal"),
            ("DIGOTA_CLIENTS_0_NAME", "shop"),
            ("DIGOTA_CLIENTS_0_SERIALS", "0ABC, dec:7"),
            ("DIGOTA_CLIENTS_0_SCOPES", "READ,WRITE"),
        ],
    );
    assert_eq!((settings.limits.in_flight_max, settings.payments.in_flight_max), (7, 8));
    assert_eq!(settings.payment[1].provider, "PayPal");
    assert_eq!(settings.clients[0].serials.len(), 2);
    assert_eq!(settings.clients[0].scopes, [Scope::Read, Scope::Write]);
}

/// Holds the derived table and the types together: every key can be set by its variable, and is read back.
#[test]
fn every_known_key_is_reachable_by_its_variable_and_explained() {
    let keys = Settings::keys();
    let names: BTreeSet<String> = keys.iter().map(Key::variable).collect();
    assert_eq!(names.len(), keys.len(), "two keys share a variable");
    let all: Vec<(String, String)> =
        keys.iter().map(|key| (key.variable().replace('#', "0"), sample(key).to_owned())).collect();
    let loaded = Sources::of(None, all.clone()).load().unwrap();
    let lines = loaded.explain();
    assert_eq!(lines.len(), keys.len());
    for (key, (variable, _)) in keys.iter().zip(&all) {
        let path = key.path.replace('#', "0");
        let line = lines.iter().find(|line| line.starts_with(&format!("{path} = "))).expect("a line per key");
        assert!(line.ends_with(&format!("(env {variable})")), "{line}");
        assert!(!line.contains("(not set)"), "{line}");
    }
}

/// A value that is right for the key, and differs from its default.
fn sample(key: &Key) -> &'static str {
    match (key.path.as_str(), key.kind) {
        ("address" | "monitor.address" | "operator.address", _) => "127.0.0.1:1",
        ("clients.#.serials", _) => "abc",
        ("clients.#.fingerprints", _) => "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ("clients.#.issuer", _) => "CN=ca",
        (_, Kind::Switch) => "true",
        (_, Kind::Integer) => "170",
        (_, Kind::Choice(words)) => words.last().expect("a choice has words"),
        (_, Kind::Text | Kind::Secret | Kind::Path) => "text",
    }
}

#[test]
fn every_key_has_a_description_and_starts_from_its_default() {
    for key in Settings::keys() {
        assert!(key.about.len() > 10 && key.about.ends_with('.'), "{}: {:?}", key.path, key.about);
        assert!(!key.about.contains("  "), "{}: {:?}", key.path, key.about);
    }
    assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
}

#[test]
fn the_document_of_settings_is_what_is_described() {
    let document = include_str!("../../../../docs/configuration.md");
    let (_, rest) = document.split_once("<!-- digota config --describe -->\n```text\n").unwrap();
    let (listed, _) = rest.split_once("```").unwrap();
    assert!(listed == describe(), "put what `digota config --describe` prints into docs/configuration.md");
}

#[test]
fn an_origin_names_the_line_of_the_file() {
    let file = "insecure = true\norder.ttl_s = 60\n\n[storage]\naddress = 'x.db'\n\n[[clients]]\n\
                name = 'a'\nserials = [\n  '1',\n]\nscopes = ['READ']\n[[clients]]\nname = 'b'\n\
                fingerprints = ['%']\nscopes = ['READ']\n[tls]\nmin_version = '1.3'";
    let loaded = load(&file.replace('%', &"ab".repeat(32)), &[]).unwrap();
    let lines = loaded.explain();
    let check = |path: &str, number: usize| {
        let line = lines.iter().find(|line| line.starts_with(&format!("{path} = "))).unwrap();
        assert!(line.ends_with(&format!("digota.toml, line {number})")), "{line}");
    };
    check("insecure", 1);
    check("order.ttl_s", 2);
    check("storage.address", 5);
    check("clients.0.name", 8);
    check("clients.0.serials", 9);
    check("clients.1.fingerprints", 15);
    check("tls.min_version", 18);
    let inline = load("insecure = true\npayment = [\n  { provider = 'sandbox' },\n]", &[]).unwrap();
    assert!(
        inline.explain().iter().any(|line| line.contains("payment.0.provider") && line.ends_with("line 3)"))
    );
    let wrong = problems("insecure = true\n\n[order]\nttl_s = 'x'\nttl = 1", &[]);
    assert!(wrong.iter().any(|(key, text)| key == "order.ttl_s" && text.contains("line 4")), "{wrong:?}");
    assert!(wrong.iter().any(|(key, text)| key == "order.ttl" && text.contains("line 5")), "{wrong:?}");
}

#[test]
fn numbers_of_every_kind_are_read_or_refused() {
    let ttl =
        |text: &str| load(&format!("order.ttl_s = {text}"), &[INSECURE]).map(|l| l.settings.order.ttl_s);
    assert_eq!(ttl("1_000"), Ok(1000));
    assert_eq!(ttl("0x10"), Ok(16));
    for wrong in ["1.5", "-1", "99999999999999999999", "'60'", "true", "2026-01-02", "[1]", "{ s = 1 }"] {
        assert!(ttl(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_name_of_a_file_with_a_slip_in_it_names_the_right_one() {
    let meant =
        |file: &str, pairs: &[(&str, &str)]| problems(file, &[pairs, &[INSECURE]].concat())[0].1.clone();
    let variable = meant("", &[("DIGOTA_STORAGE_PASWORD_FILE", "x")]);
    assert!(variable.contains("the nearest is DIGOTA_STORAGE_PASSWORD_FILE"), "{variable}");
    let key = meant("[storage]\npasword_file = 'x'", &[]);
    assert!(key.contains("the nearest is storage.password_file"), "{key}");
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let check = |file: &str, pairs: &[(&str, &str)], key: &str, meant: &str| {
        let pairs = [pairs, &[INSECURE]].concat();
        let problems = problems(file, &pairs);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].0, key);
        let nearest = format!("the nearest is {meant}");
        assert!(problems[0].1.contains(&nearest), "{:?} lacks {nearest:?}", problems[0].1);
    };
    check("adress = ':1'", &[], "adress", "address");
    check("[tls]\ncert = 'x'", &[], "tls.cert", "tls.crt");
    check("[storag]\nhandler = 'sqlite'", &[], "storag.handler", "storage.handler");
    check("[payment]\nprovider = 'x'", &[], "payment.provider", "payment.0.provider");
    check("[[clients]]\nserial = 'x'", &[], "clients.0.serial", "clients.0.serials");
    check("[telemetry]", &[], "telemetry", "");
    check("", &[("DIGOTA_TLS_CERT", "x")], "DIGOTA_TLS_CERT", "DIGOTA_TLS_CRT");
    check("", &[("DIGOTA_CLIENTS_3_SCOPE", "x")], "DIGOTA_CLIENTS_3_SCOPE", "DIGOTA_CLIENTS_3_SCOPES");
    check("", &[("DIGOTA_TLS_KEY_FILE", "x")], "DIGOTA_TLS_KEY_FILE", "DIGOTA_TLS_KEY");
}

#[test]
fn variables_of_others_are_left_alone() {
    let pairs = [INSECURE, ("DIGOTA_TEST_POSTGRES_URL", "x"), ("PATH", "x"), ("DIGOTA_TLS_KEY", "")];
    assert_eq!(settings("", &pairs).tls.key, None);
}

#[test]
fn a_text_may_come_from_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let password = |settings: Settings| settings.storage.password.unwrap().expose().to_owned();
    let by_variable = settings("", &[INSECURE, ("DIGOTA_STORAGE_PASSWORD_FILE", path)]);
    assert_eq!(password(by_variable), "hunter2");
    let by_file = settings(&format!("[storage]\npassword_file = '{path}'"), &[INSECURE]);
    assert_eq!(password(by_file), "hunter2");
    let both = [INSECURE, ("DIGOTA_STORAGE_PASSWORD_FILE", path), ("DIGOTA_STORAGE_PASSWORD", "x")];
    assert_eq!(keys_at_fault("", &both), ["DIGOTA_STORAGE_PASSWORD_FILE"]);
    let missing = [INSECURE, ("DIGOTA_STORAGE_PASSWORD_FILE", "/nowhere")];
    assert!(problems("", &missing)[0].1.contains("cannot read /nowhere"));
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_key() {
    let file = r#"
        adress = ":1"
        [tls]
        min_version = "1.1"
        [order]
        ttl_s = -1
        [[clients]]
        serials = ["xyz"]
        scopes = "READ"
    "#;
    let mut keys = keys_at_fault(file, &[("DIGOTA_LIMITS_CONNECTIONS_MAX", "many")]);
    keys.sort();
    let expected = [
        "DIGOTA_LIMITS_CONNECTIONS_MAX",
        "adress",
        "clients.0.name",
        "clients.0.scopes",
        "clients.0.serials",
        "order.ttl_s",
        "tls.cacrt",
        "tls.crt",
        "tls.key",
        "tls.min_version",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn no_message_shows_a_secret() {
    let check = |file: &str, pairs: &[(&str, &str)]| {
        let shown = match load(file, &[pairs, &[INSECURE]].concat()) {
            Ok(loaded) => format!("{:?} {:?} {:?}", loaded, loaded.settings, loaded.explain()),
            Err(problems) => format!("{problems} {problems:?}"),
        };
        assert!(!shown.contains("4711"), "{shown}");
    };
    check("[storage]\npassword = '4711'\nhandler = 'x'\naddress = 'x://u:4711@h'", &[]);
    check("[storage]\npassword = 4711", &[]);
    check("[storage]\npassword = \"4711", &[]);
    check("[storage]\npassword = ['4711']", &[]);
    check("", &[("DIGOTA_STORAGE_PASSWORD", "4711")]);
}

#[test]
fn a_broken_file_is_reported_by_line() {
    let problems = problems("insecure = true\naddress = \n", &[]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].0.ends_with("digota.toml, line 2"), "{problems:?}");
}

#[test]
fn without_tls_files_the_message_says_how_to_get_them() {
    let problems = problems("", &[]);
    assert_eq!(
        problems.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
        ["tls.key", "tls.crt", "tls.cacrt"]
    );
    assert!(problems[0].1.contains("digota ca init") && problems[0].1.contains("digota serve --dev"));
}

#[test]
fn insecure_on_a_public_address_asks_for_one_more_line() {
    for address in [":3051", "0.0.0.0:3051", "[::]:3051", "10.1.2.3:3051", "shop.example.com:3051"] {
        let pairs = [INSECURE, ("DIGOTA_ADDRESS", address)];
        let refusal = problems("", &pairs);
        assert_eq!(refusal.len(), 1);
        assert!(refusal[0].1.contains("DIGOTA_INSECURE_PUBLIC=true"), "{refusal:?}");
        assert!(load("", &[pairs[0], pairs[1], ("DIGOTA_INSECURE_PUBLIC", "true")]).is_ok());
    }
    for address in ["127.0.0.1:3051", "[::1]:3051", "localhost:3051"] {
        assert!(load("", &[INSECURE, ("DIGOTA_ADDRESS", address)]).is_ok(), "{address}");
    }
}

#[test]
fn the_sandbox_never_stands_beside_a_live_account() {
    let live = "[[payment]]\nprovider = 'Stripe'\n";
    let sandbox = "[[payment]]\nprovider = 'Sandbox'\n";
    assert!(load(live, &[INSECURE]).is_ok());
    assert!(load(sandbox, &[INSECURE]).is_ok());
    assert_eq!(keys_at_fault(&format!("{live}{sandbox}"), &[INSECURE]), ["payment"]);
    assert_eq!(keys_at_fault(&format!("{live}{live}"), &[INSECURE]), ["payment.1.provider"]);
    assert!(Settings::default().payment.is_empty(), "no sandbox unless named");
}

#[test]
fn a_certificate_listed_twice_is_an_error() {
    let client = |name: &str, certificates: &str| {
        format!("[[clients]]\nname = '{name}'\nscopes = ['READ']\n{certificates}\n")
    };
    let check =
        |clients: &[String], keys: &[&str]| assert_eq!(keys_at_fault(&clients.concat(), &[INSECURE]), keys);
    check(&[client("a", "serials = ['abc']"), client("b", "serials = ['0A:BC']")], &["clients.1.serials"]);
    check(&[client("a", "serials = ['abc', '0abc']")], &["clients.0.serials"]);
    let print = format!("fingerprints = ['{}']", "ab".repeat(32));
    check(
        &[client("a", &print), client("b", &print.to_uppercase().replace("FINGERPRINTS", "fingerprints"))],
        &["clients.1.fingerprints"],
    );
    check(&[client("a", "serials = ['1']"), client("a", "serials = ['2']")], &["clients.1.name"]);
    let other = "issuer = 'CN=other'\nserials = ['abc']";
    assert!(load(&[client("a", "serials = ['abc']"), client("b", other)].concat(), &[INSECURE]).is_ok());
}

#[test]
fn a_client_is_given_in_one_place_only() {
    let file = "[[clients]]\nname = 'admin'\nserials = ['1']\nscopes = ['WILDCARD']";
    let pairs = [INSECURE, ("DIGOTA_CLIENTS_0_NAME", "shop"), ("DIGOTA_CLIENTS_0_SERIALS", "2")];
    assert_eq!(keys_at_fault(file, &pairs), ["clients.0"]);
    let second = [
        INSECURE,
        ("DIGOTA_CLIENTS_1_NAME", "shop"),
        ("DIGOTA_CLIENTS_1_SERIALS", "2"),
        ("DIGOTA_CLIENTS_1_SCOPES", "READ"),
    ];
    assert_eq!(settings(file, &second).clients.len(), 2);
    assert_eq!(keys_at_fault("", &second), ["clients"], "a gap");
}

#[test]
fn another_storage_needs_an_address_of_its_own() {
    assert_eq!(keys_at_fault("[storage]\nhandler = 'redis'", &[INSECURE]), ["storage.address"]);
    assert_eq!(keys_at_fault("[locker]\nhandler = 'redis'", &[INSECURE]), ["locker.address"]);
}

#[test]
fn explain_shows_value_and_origin_and_hides_secrets() {
    let file =
        "[storage]\npassword = 'hunter2'\n[[clients]]\nname = 'shop'\nserials = ['0ABC']\nscopes = ['READ']";
    let loaded = load(file, &[INSECURE, ("DIGOTA_LOG_LEVEL", "WARN")]).unwrap();
    let lines = loaded.explain();
    let has =
        |line: &str| assert!(lines.iter().any(|other| other.starts_with(line)), "{line:?} not in {lines:#?}");
    has(r#"address = "127.0.0.1:3051"  (default)"#);
    has("insecure = true  (env DIGOTA_INSECURE)");
    has("tls.key = (not set)  (default)");
    has(r#"storage.password = "(hidden)"  (file /"#);
    has(r#"clients.0.serials = ["abc"]  (file /"#);
    has(r#"log.level = "warn"  (env DIGOTA_LOG_LEVEL)"#);
    has("payment = []  (default)");
}
