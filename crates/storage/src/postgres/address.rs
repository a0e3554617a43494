//! Where the server is, and as whom we come.

use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::error::OpenError;
use crate::Config;

/// How long connecting to one host may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The port where an address names none.
const PORT: u16 = 5432;

/// The user and the database where the configuration names none.
const NAME: &str = "digota";

/// What tokio-postgres needs to know, TLS included.
pub(super) fn read(config: &Config) -> Result<tokio_postgres::Config, OpenError> {
    let text = config.address.join(",");
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    let mut server = match is_url {
        // Its error may quote the URL, which may hold a password.
        true => text.parse().map_err(|_| OpenError::Address("it is not a complete URL".into()))?,
        false => hosts(&text)?,
    };
    if server.get_hosts().is_empty() {
        return Err(OpenError::Address("it names no host".into()));
    }
    name(&mut server, config);
    let on = config.tls.on.unwrap_or_else(|| !is_near(server.get_hosts()));
    server.ssl_mode(if on { SslMode::Require } else { SslMode::Disable });
    server.connect_timeout(CONNECT).application_name("digota");
    // A standby can't be sold from: of several hosts the one that writes is taken.
    server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    server.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
    Ok(server)
}

/// Settings of their own win over the URL.
fn name(server: &mut tokio_postgres::Config, config: &Config) {
    if !config.username.is_empty() || server.get_user().is_none() {
        server.user(Some(config.username.as_str()).filter(|name| !name.is_empty()).unwrap_or(NAME));
    }
    if !config.password.is_empty() {
        server.password(&config.password);
    }
    if !config.database.is_empty() || server.get_dbname().is_none() {
        server.dbname(Some(config.database.as_str()).filter(|name| !name.is_empty()).unwrap_or(NAME));
    }
}

fn hosts(text: &str) -> Result<tokio_postgres::Config, OpenError> {
    let mut server = tokio_postgres::Config::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (host, port) = host(entry).ok_or_else(|| OpenError::Address(format!("{entry:?}")))?;
        server.host(host).port(port);
    }
    Ok(server)
}

/// `db`, `db:5432`, `[::1]:5432`, or the folder of a socket.
fn host(entry: &str) -> Option<(&str, u16)> {
    if entry.contains("://") {
        return None;
    }
    let split = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (entry, None),
        },
    };
    let (host, port) = (split.0, split.1.map_or(Some(PORT), |port| port.parse().ok())?);
    (!host.is_empty()).then_some((host, port))
}

/// Whether all hosts are this machine.
fn is_near(hosts: &[Host]) -> bool {
    hosts.iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    })
}

/// The hosts, for messages.
pub(super) fn shown(server: &tokio_postgres::Config) -> String {
    let port = |index: usize| server.get_ports().get(index).or(server.get_ports().first()).copied().unwrap_or(PORT);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(index)),
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
    };
    server.get_hosts().iter().enumerate().map(host).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> Config {
        Config { address: vec![address.into()], ..Config::default() }
    }

    fn server(address: &str) -> tokio_postgres::Config {
        read(&config(address)).expect("an address")
    }

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (written, read) in [
            ("db", "db:5432"),
            ("db:6000", "db:6000"),
            ("a:1, b:2,c", "a:1,b:2,c:5432"),
            ("[::1]:7", "[::1]:7"),
            ("::1", "[::1]:5432"),
            ("/run/postgresql:5433", "/run/postgresql:5433"),
            ("postgres://u:secret@h:7/shop", "h:7"),
        ] {
            assert_eq!(shown(&server(written)), read, "{written}");
        }
        for wrong in ["", ",", "db:port", "db:70000", ":5432", "mysql://db", "[::1", "postgres://u:secret@h:x/d"] {
            let error = read(&config(wrong)).expect_err(wrong).to_string();
            assert!(error.contains("host:port") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn settings_of_their_own_win_over_the_url() {
        let url = server("postgresql://ada:one@h/shop");
        assert_eq!((url.get_user(), url.get_password(), url.get_dbname()), (Some("ada"), Some(&b"one"[..]), Some("shop")));
        let (username, password, database) = ("bob".into(), "two".into(), "till".into());
        let both = read(&Config { username, password, database, ..config("postgresql://ada:one@h/shop") }).expect("an address");
        assert_eq!((both.get_user(), both.get_password(), both.get_dbname()), (Some("bob"), Some(&b"two"[..]), Some("till")));
        let plain = server("h");
        assert_eq!((plain.get_user(), plain.get_dbname()), (Some("digota"), Some("digota")));
    }

    #[test]
    fn other_machines_are_reached_by_tls_unless_told_otherwise() {
        let mode = |address: &str, on| {
            let tls = crate::Tls { on, authority: None };
            read(&Config { tls, ..config(address) }).expect("an address").get_ssl_mode()
        };
        for near in ["localhost", "127.0.0.1:1,[::1]:2", "/run/postgresql"] {
            assert_eq!(mode(near, None), SslMode::Disable, "{near}");
            assert_eq!(mode(near, Some(true)), SslMode::Require, "{near}");
        }
        for far in ["db", "127.0.0.1,db", "postgres://u@db/d?sslmode=disable"] {
            assert_eq!(mode(far, None), SslMode::Require, "{far}");
            assert_eq!(mode(far, Some(false)), SslMode::Disable, "{far}");
        }
    }
}
