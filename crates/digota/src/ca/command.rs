//! `digota ca init | issue | list`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::authority::Validity;
use super::folder::Folder;
use super::listing;

/// Make certificates: a CA, its server, its clients
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a CA and a server certificate
    Init(Init),
    /// Make a client certificate and print the lines that admit it
    Issue(Issue),
    /// List the certificates that were made
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
    /// The client's name
    name: String,
    /// The folder of the CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
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
    /// Does what was asked and prints the outcome to stdout.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        self.run_to(&mut io::stdout().lock(), Timestamp::now())
    }

    fn run_to(self, out: &mut impl Write, now: Timestamp) -> anyhow::Result<()> {
        match self {
            Self::Init(init) => init.run(out, now),
            Self::Issue(issue) => issue.run(out, now),
            Self::List(list) => Ok(out.write_all(listing::table(&list.dir, now)?.as_bytes())?),
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
        let issued = folder.issue(&self.name, Validity::days(now, self.days))?;
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
    use crate::config::Sources;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn run(words: &[&str], folder: &TempDir) -> anyhow::Result<String> {
        let dir = folder.path().to_str().unwrap();
        let words = [&["ca"], words, &["--dir", dir]].concat();
        let mut out = Vec::new();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        Line::try_parse_from(words)?.command.run_to(&mut out, now)?;
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
    fn a_scope_that_does_not_exist_is_refused() {
        let folder = TempDir::new().unwrap();
        run(&["init"], &folder).unwrap();
        assert!(run(&["issue", "shop", "--scope", "ADMIN"], &folder).is_err());
    }
}
