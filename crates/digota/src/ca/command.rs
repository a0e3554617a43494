//! `digota ca init | issue | revoke | list`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::authority::Validity;
use super::folder::Folder;
use super::listing;
use super::revoke::Revoke;
use crate::config::Sources;

/// Make certificates: a CA, its server, its clients
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a CA and a server certificate
    Init(Init),
    /// Make a client's certificate, or another one for a server, and print the lines that put it to use
    Issue(Issue),
    /// Take a client or one of its certificates out of the settings file, so that it is refused within 10 seconds
    ///
    /// Rewrites the file that the server reads (digota.toml, or what --config or DIGOTA_CONFIG names) and leaves
    /// everything else in it as it is. A server that runs takes that up by itself. Clients that a server has from its
    /// environment can't be revoked here.
    Revoke(Revoke),
    /// List the certificates that were made, and which are listed, revoked or expired
    List(List),
}

/// `digota ca init`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Init {
    /// The folder for the files; created if it does not exist
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The name of the CA
    #[arg(long, default_value = "digota CA")]
    name: String,
    /// Names and addresses by which clients reach the server
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "localhost,127.0.0.1,::1")]
    server_name: Vec<String>,
    /// How long CA and server certificate are valid
    #[arg(long, default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
}

/// `digota ca issue`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Issue {
    /// The client's name; the files are called by it
    name: String,
    /// The folder of the CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Make a certificate for a server that clients reach by these names and addresses, instead of one for a client
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with = "scopes")]
    server_name: Vec<String>,
    /// What the client may do; may be given more than once
    #[arg(long = "scope", value_enum, ignore_case = true, value_delimiter = ',', default_value = "READ")]
    scopes: Vec<Scope>,
    /// How long the certificate is valid, at most as long as the CA
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
}

/// `digota ca list`.
#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    /// The folder of the CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// A scope as the command line and the settings write it.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Scope {
    /// Get, List and Watch
    Read,
    /// Every rpc that changes something, and no reads
    Write,
    /// Everything, administration included
    Wildcard,
    /// Nothing but health
    Public,
}

impl Command {
    /// Does what was asked and prints the outcome to stdout. `sources` lead to the file that a server reads.
    pub(crate) fn run(self, sources: &Sources) -> anyhow::Result<()> {
        self.run_to(sources, &mut io::stdout().lock(), Timestamp::now())
    }

    fn run_to(self, sources: &Sources, out: &mut impl Write, now: Timestamp) -> anyhow::Result<()> {
        match self {
            Self::Init(init) => init.run(out, now),
            Self::Issue(issue) => issue.run(out, now),
            Self::Revoke(revoke) => {
                let said = revoke.run(sources, &now.strftime("%Y-%m-%d").to_string())?;
                Ok(out.write_all(said.as_bytes())?)
            }
            Self::List(list) => {
                let clients = sources.clone().inspect().0.settings.clients;
                // Where no client is known, nothing is known of who is listed.
                let clients = (!clients.is_empty()).then_some(clients.as_slice());
                Ok(out.write_all(listing::table(&list.dir, clients, now)?.as_bytes())?)
            }
        }
    }
}

impl Init {
    fn run(self, out: &mut impl Write, now: Timestamp) -> anyhow::Result<()> {
        let folder = Folder::new(&self.dir);
        folder.init(&self.name, &self.server_name, Validity::days(now, self.days))?;
        let files = folder.server_files();
        writeln!(
            out,
            "made a CA and a certificate for {} in {}",
            self.server_name.join(", "),
            self.dir.display()
        )?;
        writeln!(out, "\nlines for digota.toml:\n\n[tls]")?;
        writeln!(out, "key = {:?}", files.key)?;
        writeln!(out, "crt = {:?}", files.crt)?;
        writeln!(out, "cacrt = {:?}", files.cacrt)?;
        writeln!(
            out,
            "\nnext: digota ca issue NAME --dir {} --scope READ --scope WRITE",
            self.dir.display()
        )?;
        Ok(())
    }
}

impl Issue {
    fn run(self, out: &mut impl Write, now: Timestamp) -> anyhow::Result<()> {
        let folder = Folder::new(&self.dir);
        let validity = Validity::days(now, self.days);
        if !self.server_name.is_empty() {
            let issued = folder.issue_server(&self.name, &self.server_name, validity)?;
            let (crt, key) = (folder.certificate(&self.name), folder.key(&self.name));
            writeln!(out, "made {} and {}, valid until {}", crt.display(), key.display(), issued.not_after)?;
            writeln!(out, "\nlines for digota.toml:\n\n[tls]\nkey = {key:?}\ncrt = {crt:?}")?;
            return Ok(());
        }
        let issued = folder.issue(&self.name, validity)?;
        let serial = issued.serial.openssl();
        let scopes: Vec<String> = self.scopes.iter().map(|scope| format!("{:?}", scope.name())).collect();
        let (crt, key) = (folder.certificate(&self.name), folder.key(&self.name));
        writeln!(out, "made {} and {}, valid until {}", crt.display(), key.display(), issued.not_after)?;
        writeln!(out, "serial={serial}")?;
        writeln!(out, "\nlines for digota.toml:\n\n[[clients]]")?;
        writeln!(out, "name = {:?}", self.name)?;
        writeln!(out, "serials = [{serial:?}]")?;
        writeln!(out, "scopes = [{}]", scopes.join(", "))?;
        Ok(())
    }
}

impl Scope {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use digota_core::access::Scope;
    use tempfile::TempDir;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn run(words: &[&str], folder: &TempDir) -> anyhow::Result<String> {
        run_at("2026-01-02T03:04:05Z", words, folder)
    }

    fn run_at(now: &str, words: &[&str], folder: &TempDir) -> anyhow::Result<String> {
        let dir = folder.path().to_str().unwrap();
        let words = [&["ca"], words, &["--dir", dir]].concat();
        let mut out = Vec::new();
        let now = now.parse().unwrap();
        let sources = Sources::of(Some(folder.path().join("digota.toml")), vec![]);
        Line::try_parse_from(words)?.command.run_to(&sources, &mut out, now)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_printed_lines_are_settings_that_admit_the_client() {
        let folder = TempDir::new().unwrap();
        let init = run(&["init"], &folder).unwrap();
        let issue = run(&["issue", "shop", "--scope", "READ", "--scope", "write"], &folder).unwrap();
        let lines = |text: &str| {
            text.lines()
                .skip_while(|line| !line.starts_with('['))
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        let toml = lines(init.split("\nnext:").next().unwrap()) + &lines(&issue);
        let path = folder.path().join("digota.toml");
        std::fs::write(&path, toml).unwrap();
        let settings = Sources::of(Some(path), vec![]).load().unwrap().settings;
        assert_eq!(settings.tls_files(), Some(Folder::new(folder.path()).server_files()));
        assert_eq!(settings.clients[0].name, "shop");
        assert_eq!(settings.clients[0].scopes, [Scope::Read, Scope::Write]);
        let serial = issue.lines().find_map(|line| line.strip_prefix("serial=")).unwrap();
        assert_eq!(settings.clients[0].serials, [serial.parse().unwrap()]);
        assert_eq!(serial, serial.to_uppercase());
    }

    #[test]
    fn list_shows_kind_serial_and_end_of_every_certificate() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        let issued = run(&["issue", "shop", "--days", "3"], &folder).unwrap();
        std::fs::write(folder.path().join("torn.crt"), "-----BEGIN").unwrap();
        let serial = issued.lines().find_map(|line| line.strip_prefix("serial=")).unwrap();
        let list = run(&["list"], &folder).unwrap();
        let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines.len(), 5, "{list}");
        assert_eq!(lines[0][..3], ["NAME", "KIND", "SERIAL"]);
        assert_eq!(lines[1][..3], ["digota", "CA", "CA"]);
        assert_eq!(lines[2][..2], ["localhost", "server"]);
        assert_eq!(lines[3][..7], ["shop", "client", serial, "2026-01-05", "(3", "days", "left)"]);
        assert!(list.lines().last().unwrap().contains("not a certificate"), "{list}");
    }

    #[test]
    fn list_shows_what_is_listed_revoked_and_expired() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        let mut settings = String::new();
        for name in ["shop", "reports"] {
            let issued = run(&["issue", name], &folder).unwrap();
            settings.push_str(issued.split_once("digota.toml:\n").unwrap().1);
        }
        run(&["issue", "stranger"], &folder).unwrap();
        run(&["issue", "old", "--days", "1"], &folder).unwrap();
        std::fs::write(folder.path().join("digota.toml"), settings).unwrap();
        run(&["revoke", "shop"], &folder).unwrap();
        let (list, later) =
            (run(&["list"], &folder).unwrap(), run_at("2026-01-04T00:00:00Z", &["list"], &folder).unwrap());
        let line =
            |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(
            line(&list, "shop").contains("revoked") && line(&list, "shop").contains("revoked/shop-"),
            "{list}"
        );
        assert!(line(&list, "reports").contains("listed as reports"), "{list}");
        assert!(line(&list, "stranger").contains("not listed"), "{list}");
        assert!(line(&list, "localhost").contains("valid"), "{list}");
        assert!(line(&later, "old").contains(" expired "), "{later}");
        // The name is free for another certificate, and the key of the old one is where it was moved.
        run(&["issue", "shop"], &folder).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("revoked")).unwrap().count(), 2);
    }

    #[test]
    fn a_revoked_certificate_that_is_listed_again_stands_out() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        let issued = run(&["issue", "shop"], &folder).unwrap();
        let settings = issued.split_once("digota.toml:\n").unwrap().1;
        std::fs::write(folder.path().join("digota.toml"), settings).unwrap();
        run(&["revoke", "shop"], &folder).unwrap();
        std::fs::write(folder.path().join("digota.toml"), settings).unwrap();
        let list = run(&["list"], &folder).unwrap();
        assert!(list.contains("revoked, BUT LISTED as shop"), "{list}");
    }

    #[test]
    fn another_certificate_for_a_server_has_its_names() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        let issued = run(&["issue", "server-2", "--server-name", "shop.example,10.0.0.7"], &folder).unwrap();
        assert!(issued.contains("[tls]\nkey = ") && !issued.contains("[[clients]]"), "{issued}");
        let list = run(&["list"], &folder).unwrap();
        assert!(
            list.lines().any(|line| line.starts_with("shop.example") && line.contains(" server ")),
            "{list}"
        );
        assert!(run(&["issue", "x", "--server-name", "a", "--scope", "READ"], &folder).is_err());
    }

    #[test]
    fn a_scope_that_does_not_exist_is_refused() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        assert!(run(&["issue", "shop", "--scope", "ADMIN"], &folder).is_err());
    }
}
