//! Every setting: its type, its default, and one sentence on what it does.
//!
//! The comments on the fields are the descriptions that the manual and the messages use.

use std::path::PathBuf;

use digota_core::access::Scope;
use serde::{Deserialize, Serialize};

use super::key::{Key, Kind, Setting, section, value};
use super::listen::Listen;
use super::secret::{Address, Secret};
use crate::tls::{Files, Fingerprint, Issuer, MinVersion, Serial};

/// The SQLite file of a server that names no storage.
pub(super) const EMBEDDED_STORAGE: &str = "digota.db";

section! {
    /// All settings of a server.
    pub(crate) struct Settings {
        /// Where to listen: host:port; `:3051` is every interface.
        address: Listen = Listen { host: "127.0.0.1".to_owned(), port: 3051 },
        /// Serve without TLS and without knowing who calls.
        insecure: bool = false,
        /// Allow `insecure` on an address that other machines can reach.
        insecure_public: bool = false,
        /// The TLS door.
        tls: Tls = Tls::default(),
        /// Where products, SKUs, orders and charges are kept.
        storage: Storage = Storage::default(),
        /// How nodes take turns.
        locker: Locker = Locker::default(),
        /// The payment gateways that this server may use.
        payment: Vec<Account> = Vec::new(),
        /// What holds for every gateway.
        payments: Payments = Payments::default(),
        /// Orders.
        order: Order = Order::default(),
        /// The whitelist: who may call, and what.
        clients: Vec<ClientEntry> = Vec::new(),
        /// How much the server takes on before it says no.
        limits: Limits = Limits::default(),
        /// How the server stops.
        stop: Stop = Stop::default(),
        /// What machines that watch over the server are told.
        monitor: Monitor = Monitor::default(),
        /// How this machine's commands reach the running node.
        operator: Operator = Operator::default(),
        /// Log lines.
        log: Log = Log::default(),
    }
}

section! {
    /// The TLS door.
    pub(crate) struct Tls {
        /// The server's private key in PEM form, readable by its owner alone.
        key: Option<PathBuf> = None,
        /// The server's certificate in PEM form, followed by its intermediates if it has any.
        crt: Option<PathBuf> = None,
        /// The certificate of the CA that signs clients; further trusted CAs may follow it in the file.
        cacrt: Option<PathBuf> = None,
        /// The oldest TLS version that clients may speak: 1.2 or 1.3.
        min_version: MinVersion = MinVersion::Tls12,
        /// How often the settings file and the three files above are looked at for changes, in milliseconds: 100 to 4000.
        reload_ms: u64 = 3000,
    }
}

section! {
    /// Where records are kept.
    pub(crate) struct Storage {
        /// The kind of storage: sqlite is embedded, postgresql is for several nodes.
        handler: String = "sqlite".to_owned(),
        /// The file of sqlite, or host:port (several with commas) or URL of a storage server.
        address: Address = EMBEDDED_STORAGE.into(),
        /// The user at the storage server.
        username: Option<String> = None,
        /// The user's password.
        password: Option<Secret> = None,
        /// The database at the storage server.
        database: Option<String> = None,
        /// Whether the storage server is reached by TLS, its certificate verified; without it, on unless it is on this machine.
        tls: Option<Toggle> = None,
        /// The certificates of the CAs that may sign the storage server's, in PEM form; without it, those of the system.
        tls_ca: Option<PathBuf> = None,
    }
}

section! {
    /// How nodes take turns.
    pub(crate) struct Locker {
        /// The kind of lock: memory is for a single node, redis is for several.
        handler: String = "memory".to_owned(),
        /// host:port (several with commas) or URL of the lock server.
        address: Option<Address> = None,
        /// The user at the lock server.
        username: Option<String> = None,
        /// The user's password.
        password: Option<Secret> = None,
        /// The number of the database at a redis server.
        database: Option<u32> = None,
        /// What the lock's keys at the server begin with; nodes of one shop need the same, other shops another.
        prefix: String = "digota:".to_owned(),
        /// Whether the lock server is reached by TLS, its certificate verified; without it, if the address is a rediss:// URL.
        tls: Option<Toggle> = None,
        /// The certificates of the CAs that may sign the lock server's, in PEM form; without it, those of the system.
        tls_ca: Option<PathBuf> = None,
    }
}

section! {
    /// One account at a payment gateway.
    pub(crate) struct Account {
        /// The gateway: sandbox pretends, the others move money.
        provider: String = String::new(),
        /// For the sandbox: URL of a `digota sandbox` process; without it the sandbox runs inside the server.
        address: Option<Address> = None,
        /// For a sandbox inside the server: the file that keeps its record of what it did.
        log: Option<PathBuf> = None,
        /// For a sandbox inside the server: how long it takes to answer, in milliseconds.
        delay_ms: u64 = 0,
    }
}

section! {
    /// What holds for every gateway.
    pub(crate) struct Payments {
        /// Calls that may wait for a gateway at once; they don't count in limits.in_flight_max.
        in_flight_max: usize = 4096,
        /// The longest that one call to a gateway may take, in milliseconds.
        gateway_timeout_ms: u64 = 30_000,
        /// How much longer than gateway_timeout_ms a payment belongs to the node that sends it, in milliseconds; then another node
        /// may ask the gateway what became of it. Keep it above the difference of the nodes' clocks.
        lease_slack_ms: u64 = 30_000,
    }
}

section! {
    /// Orders.
    pub(crate) struct Order {
        /// How long a new order can be paid, in seconds.
        ttl_s: u64 = 1800,
    }
}

section! {
    /// One client of the whitelist: a name, its certificates, and what it may do.
    pub(crate) struct ClientEntry {
        /// The client's name, unique in the list; logs and idempotency keys go by it.
        name: String = String::new(),
        /// Certificates by serial number, as `openssl x509 -serial` prints it or in decimal as dec:1234.
        serials: Vec<Serial> = Vec::new(),
        /// Certificates by SHA-256, as `openssl x509 -fingerprint -sha256` prints it.
        fingerprints: Vec<Fingerprint> = Vec::new(),
        /// The CA that signed the certificates in serials; without it, the first of tls.cacrt.
        issuer: Option<Issuer> = None,
        /// What the client may do: READ, WRITE, WILDCARD (everything) or PUBLIC (health alone).
        scopes: Vec<Scope> = Vec::new(),
    }
}

section! {
    /// How much the server takes on, and how long it waits for others.
    pub(crate) struct Limits {
        /// Calls worked on at once; those that wait for a gateway or go on like Watch don't count.
        in_flight_max: usize = 256,
        /// Further calls for clients that have few under way, so that no client can use up everything.
        in_flight_reserve: usize = 64,
        /// The largest request, in bytes.
        message_bytes_max: usize = 262_144,
        /// The largest headers of a request, in bytes.
        header_bytes_max: u32 = 16_384,
        /// Calls on one connection at once; further ones wait at the client.
        calls_per_connection_max: u32 = 100,
        /// Calls that go on, such as Watch, at once.
        streams_max: usize = 1024,
        /// The same, of one client.
        streams_per_client_max: usize = 128,
        /// Connections open at once.
        connections_max: usize = 2048,
        /// The same, of one client; without TLS there is no telling clients apart, and this does not hold.
        connections_per_client_max: usize = 64,
        /// TLS handshakes worked on at once.
        handshakes_max: usize = 32,
        /// How long a TLS handshake may take, in milliseconds.
        handshake_timeout_ms: u64 = 5000,
        /// How long a connection may take to begin with HTTP/2, in milliseconds.
        preface_timeout_ms: u64 = 5000,
        /// How long a new connection may be without a call, in milliseconds.
        first_call_timeout_ms: u64 = 10_000,
        /// How long a request may take to arrive, in milliseconds.
        request_timeout_ms: u64 = 10_000,
        /// How long Get and List may take, in milliseconds; a caller's deadline may be sooner.
        read_timeout_ms: u64 = 10_000,
        /// How long a client may take to take a reply before its connection is closed, in milliseconds.
        reply_timeout_ms: u64 = 30_000,
        /// How old a connection gets, give or take a tenth, in milliseconds; 0 is as old as it likes.
        connection_age_max_ms: u64 = 1_800_000,
        /// How long calls under way on a connection that has become too old may still take, in milliseconds.
        connection_grace_ms: u64 = 300_000,
        /// How often a connection is asked whether anybody is there, in milliseconds.
        ping_interval_ms: u64 = 30_000,
        /// How long the answer to that may take, in milliseconds.
        ping_timeout_ms: u64 = 10_000,
        /// After how long without traffic the system asks the same, in milliseconds.
        tcp_keepalive_ms: u64 = 60_000,
        /// What a client may send of one request before it is read, in bytes.
        stream_window_bytes: u32 = 65_535,
        /// The same, of all requests on a connection.
        connection_window_bytes: u32 = 1_048_576,
        /// Calls that a client may reset before the server has looked at them; more end the connection.
        resets_waiting_max: usize = 20,
        /// Calls that may break the rules of HTTP/2; more end the connection.
        stream_errors_max: usize = 100,
        /// New products, SKUs and orders that one client may make a second; 0 is no limit.
        create_per_second: u32 = 0,
        /// Payments that one client may make a second; 0 is no limit.
        pay_per_second: u32 = 0,
        /// Refunds and returns that one client may make a second; 0 is no limit.
        refund_per_second: u32 = 0,
    }
}

section! {
    /// How the server stops.
    pub(crate) struct Stop {
        /// How long clients and load balancers have to notice before it takes no more calls, in milliseconds.
        notice_ms: u64 = 200,
        /// How long calls under way may then take before they are cut off, in milliseconds.
        drain_ms: u64 = 25_000,
    }
}

section! {
    /// What machines that watch over the server are told.
    pub(crate) struct Monitor {
        /// Where to answer /livez, /readyz and /metrics over plain HTTP: host:port; without it nowhere. Whoever reaches it may ask.
        address: Option<Listen> = None,
    }
}

section! {
    /// How this machine's commands reach the running node.
    pub(crate) struct Operator {
        /// Where the node listens: host:port; without it, address.
        address: Option<Listen> = None,
        /// The operator's certificate in PEM form, listed with the scope WILDCARD.
        crt: Option<PathBuf> = None,
        /// The operator's private key in PEM form.
        key: Option<PathBuf> = None,
        /// The certificate of the CA that signed the node's; without it, tls.cacrt.
        cacrt: Option<PathBuf> = None,
        /// The name in the node's certificate, where it is not the host of the address.
        server_name: Option<String> = None,
    }
}

section! {
    /// Log lines.
    pub(crate) struct Log {
        /// The least severe level that is written.
        level: Level = Level::Info,
        /// How lines look: auto is text on a terminal and JSON elsewhere.
        format: Format = Format::Auto,
        /// Which calls get a line: those that were refused, or all of them; --info and --debug mean all.
        calls: Calls = Calls::Refused,
    }
}

/// What is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Toggle {
    Off,
    On,
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which calls get a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Calls {
    /// Those that did not end well.
    Refused,
    /// Every one.
    All,
}

value! {
    Listen: Kind::Text,
    Address: Kind::Text,
    Secret: Kind::Secret,
    Serial: Kind::Text,
    Fingerprint: Kind::Text,
    Issuer: Kind::Text,
    MinVersion: Kind::Choice(&["1.2", "1.3"]),
    Scope: Kind::Choice(&["PUBLIC", "READ", "WRITE", "WILDCARD"]),
    Toggle: Kind::Choice(&["off", "on"]),
    Level: Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
    Format: Kind::Choice(&["auto", "text", "json"]),
    Calls: Kind::Choice(&["refused", "all"]),
}

impl Settings {
    /// Every known key, in the order of the declarations.
    pub(crate) fn keys() -> Vec<Key> {
        let mut keys = Vec::new();
        Self::describe(String::new(), "", &mut keys);
        keys
    }

    /// The files of the TLS door, once all three are set.
    pub(crate) fn tls_files(&self) -> Option<Files> {
        let Tls { key, crt, cacrt, .. } = self.tls.clone();
        Some(Files { key: key?, crt: crt?, cacrt: cacrt? })
    }
}

impl Account {
    /// Whether this is the gateway that only pretends.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.provider.eq_ignore_ascii_case("sandbox")
    }
}
