//! Where the servers are, and as whom we come.

use std::path::Path;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, TlsCertificates};

use super::error::OpenError;
use crate::Config;

/// The port where an address names none.
const PORT: u16 = 6379;

/// How a certificate begins in a PEM file.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Where one server is.
#[derive(Clone)]
pub(super) struct Host {
    /// For messages: without user and password.
    pub(super) name: String,
    pub(super) client: Client,
    /// Whether a password crosses a network that others may listen to.
    pub(super) is_overheard: bool,
}

/// The servers that the configuration names, in its order.
pub(super) fn read(config: &Config) -> Result<Vec<Host>, OpenError> {
    let authority = config.tls.authority.as_deref().map(certificates).transpose()?;
    let hosts = entries(&config.address).into_iter().map(|entry| {
        let info = info(entry, config)?;
        let is_plain = matches!(info.addr(), ConnectionAddr::Tcp(host, _) if !is_near(host));
        let is_overheard = is_plain && info.redis_settings().password().is_some();
        let name = info.addr().to_string();
        let client = match info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                // The client asks the process which cryptography to use. It may have been told already.
                let _told = rustls::crypto::aws_lc_rs::default_provider().install_default();
                let certificates = TlsCertificates { client_tls: None, root_cert: authority.clone() };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
        };
        let refused = |error: redis::RedisError| {
            OpenError::Authority {
                path: config.tls.authority.clone().unwrap_or_default(),
                why: error.to_string(),
            }
        };
        Ok(Host { name, client: client.map_err(refused)?, is_overheard })
    });
    let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
    if hosts.is_empty() { Err(OpenError::Address("it names no host".into())) } else { Ok(hosts) }
}

/// The text of a file of certificates.
fn certificates(path: &Path) -> Result<Vec<u8>, OpenError> {
    let refused = |why: String| OpenError::Authority { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    // Without one nobody would be trusted, and nobody would know why.
    let is_some = text.windows(BEGIN.len()).any(|part| part == BEGIN);
    if is_some { Ok(text) } else { Err(refused("there is no certificate in it".to_owned())) }
}

/// `a:1,b:2` is two, and so is `redis://a,rediss://b`. A password may have commas.
fn entries(text: &str) -> Vec<&str> {
    let is_entry = |rest: &str| !text.contains("://") || ["redis://", "rediss://"].iter().any(|scheme| rest.starts_with(scheme));
    let (mut entries, mut start) = (Vec::new(), 0);
    for (at, _) in text.match_indices(',') {
        if is_entry(text[at + 1..].trim_start()) {
            entries.push(&text[start..at]);
            start = at + 1;
        }
    }
    entries.push(&text[start..]);
    entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()).collect()
}

/// Settings of their own win over a URL.
fn info(entry: &str, config: &Config) -> Result<ConnectionInfo, OpenError> {
    let url = match entry.contains("://") {
        // The error may quote the URL, which may hold a password.
        true => Some(entry.into_connection_info().map_err(|_| OpenError::Address("it is not a complete URL".into()))?),
        false => None,
    };
    let (host, port, is_tls) = match url.as_ref().map(ConnectionInfo::addr) {
        None => host(entry).map(|(host, port)| (host.to_owned(), port, false)),
        Some(ConnectionAddr::Tcp(host, port)) => Some((host.clone(), *port, false)),
        Some(ConnectionAddr::TcpTls { host, port, .. }) => Some((host.clone(), *port, true)),
        Some(_) => None,
    }
    .ok_or_else(|| match url {
        None => OpenError::Address(format!("{entry:?}")),
        Some(_) => OpenError::Address("its URL is none of redis:// and rediss://".into()),
    })?;
    let address = match config.tls.on.unwrap_or(is_tls) {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let mut who = url.as_ref().map(|url| url.redis_settings().clone()).unwrap_or_default();
    who = name(who, config).set_protocol(ProtocolVersion::RESP3).set_lib_name("digota", env!("CARGO_PKG_VERSION"));
    let info = address.into_connection_info().map_err(|error| OpenError::Address(error.to_string()))?;
    Ok(info.set_redis_settings(who).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn name(mut who: RedisConnectionInfo, config: &Config) -> RedisConnectionInfo {
    if !config.username.is_empty() {
        who = who.set_username(&config.username);
    }
    if !config.password.is_empty() {
        who = who.set_password(&config.password);
    }
    match config.database {
        Some(number) => who.set_db(number.into()),
        None => who,
    }
}

/// `cache`, `cache:6379`, `[::1]:6379`.
fn host(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (entry, None),
        },
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
    (!host.is_empty() && !host.contains(['/', '@'])).then_some((host, port))
}

/// Whether it is this machine.
fn is_near(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> Config {
        Config { address: address.into(), ..Config::default() }
    }

    fn names(config: &Config) -> Vec<String> {
        read(config).expect("an address").into_iter().map(|host| host.name).collect()
    }

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (written, expected) in [
            ("cache", &["cache:6379"][..]),
            ("cache:7000", &["cache:7000"]),
            ("a:1, b:2,c", &["a:1", "b:2", "c:6379"]),
            ("::1", &["::1:6379"]),
            ("[::1]:7", &["::1:7"]),
            ("redis://u:se,cret@h:7/3", &["h:7"]),
            ("redis://u:se,cret@h:7, rediss://:x@i", &["h:7", "i:6379"]),
        ] {
            assert_eq!(names(&config(written)), expected, "{written}");
        }
        for wrong in ["", ",", "cache:port", "cache:70000", ":6379", "http://cache", "redis+unix:///tmp/s", "u:secret@h:1", "redis://u:secret@h:x/0"] {
            let error = read(&config(wrong)).err().expect(wrong).to_string();
            assert!(error.contains("host:port") && !error.contains("secret@h:x"), "{error}");
        }
    }

    #[test]
    fn settings_of_their_own_win_over_the_url() {
        let who = |config: &Config| read(config).expect("an address")[0].client.get_connection_info().redis_settings().clone();
        let url = who(&config("redis://ada:one@h/3"));
        assert_eq!((url.username(), url.password(), url.db()), (Some("ada"), Some("one"), 3));
        let (username, password, database) = ("bob".into(), "two".into(), Some(4));
        let both = who(&Config { username, password, database, ..config("redis://ada:one@h/3") });
        assert_eq!((both.username(), both.password(), both.db()), (Some("bob"), Some("two"), 4));
    }

    #[test]
    fn tls_is_spoken_where_it_is_asked_for() {
        let speaks = |address: &str, on| {
            let tls = crate::Tls { on, authority: None };
            let hosts = read(&Config { tls, ..config(address) }).expect("an address");
            matches!(hosts[0].client.get_connection_info().addr(), ConnectionAddr::TcpTls { insecure: false, .. })
        };
        assert!(!speaks("cache", None) && !speaks("redis://cache", None) && !speaks("rediss://cache", Some(false)));
        assert!(speaks("cache", Some(true)) && speaks("redis://cache", Some(true)) && speaks("rediss://cache/#insecure", None));
    }

    #[test]
    fn a_password_on_its_way_through_a_network_is_noticed() {
        let is_overheard = |address: &str| read(&config(address)).expect("an address")[0].is_overheard;
        assert!(is_overheard("redis://:pw@cache"));
        assert!(!is_overheard("rediss://:pw@cache") && !is_overheard("redis://cache") && !is_overheard("redis://:pw@localhost"));
    }
}
