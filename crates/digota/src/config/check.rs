//! What the settings must fulfil beyond the type of each: rules between them.

use std::collections::BTreeMap;

use super::problem::Problem;
use super::settings::{ClientEntry, EMBEDDED_STORAGE, Settings};

/// The largest flow control window of HTTP/2.
const WINDOW_BYTES_MAX: u32 = i32::MAX.cast_unsigned();

/// Every rule that is broken.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_door(settings, &mut problems);
    check_engines(settings, &mut problems);
    check_gateways(settings, &mut problems);
    check_clients(&settings.clients, &mut problems);
    check_bounds(settings, &mut problems);
    problems
}

fn check_door(settings: &Settings, problems: &mut Vec<Problem>) {
    if !settings.insecure {
        return check_tls(settings, problems);
    }
    if !settings.address.is_loopback() && !settings.insecure_public {
        let text = format!(
            "{} can be reached from other machines, and without TLS anyone may call: \
             listen on 127.0.0.1, or set DIGOTA_INSECURE_PUBLIC=true",
            settings.address
        );
        problems.push(Problem::new("insecure", text));
    }
}

fn check_tls(settings: &Settings, problems: &mut Vec<Problem>) {
    let tls = &settings.tls;
    for (key, file) in [("tls.key", &tls.key), ("tls.crt", &tls.crt), ("tls.cacrt", &tls.cacrt)] {
        if file.is_none() {
            let text =
                "needed: make certificates with `digota ca init`, or try digota with `digota serve --dev`";
            problems.push(Problem::new(key, text));
        }
    }
    // With the look at open streams every 5 seconds, whoever is taken off the whitelist is out within 10.
    if !(100..=4000).contains(&tls.reload_ms) {
        problems.push(Problem::new("tls.reload_ms", "wants 100 to 4000 milliseconds"));
    }
}

fn check_engines(settings: &Settings, problems: &mut Vec<Problem>) {
    let storage = &settings.storage;
    if storage.handler != "sqlite" && storage.address.expose() == EMBEDDED_STORAGE {
        let text = format!("storage {} needs the address of its server", storage.handler);
        problems.push(Problem::new("storage.address", text));
    }
    if settings.locker.handler != "memory" && settings.locker.address.is_none() {
        let text = format!("locker {} needs the address of its server", settings.locker.handler);
        problems.push(Problem::new("locker.address", text));
    }
}

fn check_gateways(settings: &Settings, problems: &mut Vec<Problem>) {
    let accounts = &settings.payment;
    let mut seen = BTreeMap::new();
    for (index, account) in accounts.iter().enumerate() {
        let key = format!("payment.{index}.provider");
        let provider = account.provider.to_ascii_lowercase();
        if provider.is_empty() {
            problems.push(Problem::new(key, "needed: name a gateway, such as sandbox"));
        } else if let Some(first) = seen.insert(provider, index) {
            let text = format!("{} is configured already, as payment.{first}", account.provider);
            problems.push(Problem::new(key, text));
        }
    }
    let sandbox = accounts.iter().any(|account| account.is_sandbox());
    let live = accounts.iter().find(|account| !account.is_sandbox() && !account.provider.is_empty());
    if let (true, Some(live)) = (sandbox, live) {
        let text = format!(
            "the sandbox accepts any card and moves no money, so it can't stand beside {}: remove one",
            live.provider
        );
        problems.push(Problem::new("payment", text));
    }
}

fn check_clients(clients: &[ClientEntry], problems: &mut Vec<Problem>) {
    let mut names = BTreeMap::new();
    for (index, client) in clients.iter().enumerate() {
        if client.name.trim().is_empty() {
            problems.push(Problem::new(format!("clients.{index}.name"), "needed: logs and keys go by it"));
        } else if let Some(first) = names.insert(client.name.as_str(), index) {
            let text = format!("clients.{first} has this name too: list all serials in one entry");
            problems.push(Problem::new(format!("clients.{index}.name"), text));
        }
        if client.serials.is_empty() && client.fingerprints.is_empty() {
            let text =
                "has no certificate: list its serials, as `digota ca list` prints them, or fingerprints";
            problems.push(Problem::new(format!("clients.{index}"), text));
        }
        if client.scopes.is_empty() {
            let text = "needed: READ, WRITE, WILDCARD or PUBLIC";
            problems.push(Problem::new(format!("clients.{index}.scopes"), text));
        }
    }
    check_certificates(clients, problems);
}

/// Certificates listed twice. An entry without issuer means the CA in `tls.cacrt`, whose name is not read
/// here: that such an entry equals one that names this CA is seen when the whitelist is built.
fn check_certificates(clients: &[ClientEntry], problems: &mut Vec<Problem>) {
    let mut seen = BTreeMap::new();
    for (index, client) in clients.iter().enumerate() {
        let issuer = client.issuer.as_ref().map(ToString::to_string).unwrap_or_default();
        let serials = client.serials.iter().map(|serial| ("serials", format!("{serial} {issuer}")));
        let fingerprints = client.fingerprints.iter().map(|print| ("fingerprints", print.to_string()));
        for (field, certificate) in serials.chain(fingerprints) {
            let key = format!("clients.{index}.{field}");
            if let Some(first) = seen.insert((field, certificate.clone()), index) {
                let text = format!("{} is listed already, in clients.{first}", certificate.trim_end());
                problems.push(Problem::new(key, text));
            }
        }
    }
}

fn check_bounds(settings: &Settings, problems: &mut Vec<Problem>) {
    let at_least_one = [
        ("payments.in_flight_max", settings.payments.in_flight_max == 0),
        ("payments.gateway_timeout_ms", settings.payments.gateway_timeout_ms == 0),
        ("payments.lease_slack_ms", settings.payments.lease_slack_ms == 0),
        ("order.ttl_s", settings.order.ttl_s == 0),
        ("limits.in_flight_max", settings.limits.in_flight_max == 0),
        ("limits.message_bytes_max", settings.limits.message_bytes_max == 0),
        ("limits.connections_max", settings.limits.connections_max == 0),
        ("limits.connections_per_client_max", settings.limits.connections_per_client_max == 0),
        ("limits.calls_per_connection_max", settings.limits.calls_per_connection_max == 0),
        ("limits.streams_max", settings.limits.streams_max == 0),
        ("limits.streams_per_client_max", settings.limits.streams_per_client_max == 0),
        ("limits.handshakes_max", settings.limits.handshakes_max == 0),
        ("limits.handshake_timeout_ms", settings.limits.handshake_timeout_ms == 0),
        ("limits.preface_timeout_ms", settings.limits.preface_timeout_ms == 0),
        ("limits.first_call_timeout_ms", settings.limits.first_call_timeout_ms == 0),
        ("limits.request_timeout_ms", settings.limits.request_timeout_ms == 0),
        ("limits.read_timeout_ms", settings.limits.read_timeout_ms == 0),
        ("limits.reply_timeout_ms", settings.limits.reply_timeout_ms == 0),
        ("limits.ping_interval_ms", settings.limits.ping_interval_ms == 0),
        ("limits.ping_timeout_ms", settings.limits.ping_timeout_ms == 0),
        ("limits.header_bytes_max", settings.limits.header_bytes_max == 0),
        ("limits.stream_window_bytes", settings.limits.stream_window_bytes == 0),
        ("limits.connection_window_bytes", settings.limits.connection_window_bytes == 0),
    ];
    for (key, _) in at_least_one.into_iter().filter(|(_, is_zero)| *is_zero) {
        problems.push(Problem::new(key, "0 would refuse everything: wants 1 or more"));
    }
    let windows = [
        ("limits.stream_window_bytes", settings.limits.stream_window_bytes),
        ("limits.connection_window_bytes", settings.limits.connection_window_bytes),
    ];
    for (key, _) in windows.into_iter().filter(|(_, bytes)| *bytes > WINDOW_BYTES_MAX) {
        problems.push(Problem::new(key, format!("HTTP/2 has no windows above {WINDOW_BYTES_MAX}")));
    }
}
