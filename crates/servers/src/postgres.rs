//! A PostgreSQL server for tests and measurements.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::find::{POSTGRES, output};
use crate::process::{Process, User, free_port, run_as};

/// The password of [`Postgres::USER`].
const PASSWORD: &str = "a password for tests";

/// Quick rather than durable: what a killed server wrote is still in the system's cache.
const QUICK: &[&str] =
    &["fsync=off", "max_connections=400", "shared_buffers=64MB", "listen_addresses=127.0.0.1"];

/// As it comes, which is durable.
const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "listen_addresses=127.0.0.1"];

/// Temporary files that outlive the machine's start lie on a disk here; those of the usual folder may lie in memory.
const ON_DISK: &str = "/var/tmp";

/// A server with its data in a temporary folder. Stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    folder: TempDir,
    settings: &'static [&'static str],
    programs: PathBuf,
    user: Option<User>,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// The user who owns every database.
    pub const USER: &'static str = "digota";

    /// Starts one that is quick, and loses what it wrote with its machine.
    ///
    /// # Errors
    /// Says why there is none, and what can be done.
    pub fn start() -> Result<Self, String> {
        Self::start_with(QUICK, &std::env::temp_dir())
    }

    /// Starts one that is durable, on a disk: for measurements.
    ///
    /// # Errors
    /// Says why there is none, and what can be done.
    pub fn start_durable() -> Result<Self, String> {
        Self::start_with(DURABLE, Path::new(ON_DISK))
    }

    fn start_with(settings: &'static [&'static str], parent: &Path) -> Result<Self, String> {
        let programs = POSTGRES.folder()?;
        let said = |error: std::io::Error| format!("can't start PostgreSQL: {error}");
        let folder = tempfile::Builder::new().prefix("digota-postgres").tempdir_in(parent).map_err(said)?;
        let user = user(folder.path())?;
        let port = free_port().map_err(said)?;
        let databases = AtomicU32::new(0);
        let mut server = Self { process: None, folder, settings, programs, user, port, databases };
        server.init()?;
        server.serve()?;
        let role = format!("CREATE ROLE {} LOGIN PASSWORD '{PASSWORD}'", Self::USER);
        server.sql("postgres", &role)?;
        Ok(server)
    }

    /// Where it listens: host:port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder of its programs; others that come with it may lie there too.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The password of [`Postgres::USER`].
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Makes an empty database; returns its name.
    ///
    /// # Errors
    /// What the server said.
    pub fn database(&self) -> Result<String, String> {
        let name = format!("shop{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {}", Self::USER))?;
        Ok(name)
    }

    /// Runs SQL in a database as an administrator; returns what it prints, columns divided by `|`.
    ///
    /// # Errors
    /// What the server said.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let folder = self.folder.path().display().to_string();
        self.run(
            "psql",
            &[
                "-h",
                &folder,
                "-p",
                &port,
                "-U",
                "postgres",
                "-d",
                database,
                "-XqAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
            ],
        )
    }

    /// Speaks TLS from now on, with this certificate and key in PEM form.
    ///
    /// # Errors
    /// What went wrong.
    pub fn speak_tls(&self, certificate: &str, key: &str) -> Result<(), String> {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            let owner = self.user.map(|user| (user.id, user.group)).unzip();
            let write = || {
                std::fs::write(&path, text)?;
                std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
                std::os::unix::fs::chown(&path, owner.0, owner.1)
            };
            write().map_err(|error| format!("can't write {name}: {error}"))?;
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on")?;
        self.sql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Stops it at once, as a crash does. What was committed stays.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// Says why it does not start.
    pub fn serve(&mut self) -> Result<(), String> {
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        command.arg("-k").arg(self.folder.path());
        self.settings.iter().for_each(|setting| _ = command.args(["-c", setting]));
        let log = self.folder.path().join("log");
        let started = Process::start(&command, "QUIT", self.user, &log);
        let mut process = started.map_err(|error| format!("can't start PostgreSQL: {error}"))?;
        let port = self.port.to_string();
        let ready = process.wait_until(|| self.run("pg_isready", &["-h", "127.0.0.1", "-p", &port]).is_ok());
        ready.map_err(|why| {
            format!("PostgreSQL does not start: {why}\n{}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn init(&self) -> Result<(), String> {
        let data = self.data().display().to_string();
        let words = ["-D", &data, "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-N"];
        self.run("initdb", &[&words[..], &["-E", "UTF8", "--locale=C"]].concat()).map(drop)
    }

    fn run(&self, program: &str, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.programs.join(program));
        command.args(words).current_dir(self.folder.path());
        run_as(&mut command, self.user);
        let output = command.output().map_err(|error| format!("can't run {program}: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }
}

/// PostgreSQL refuses to run as root: then it runs as the user whom its package made, who is given the folder.
fn user(folder: &Path) -> Result<Option<User>, String> {
    let number = |words: &[&str]| output("id", words).and_then(|id| id.parse().ok());
    if number(&["-u"]) != Some(0) {
        return Ok(None);
    }
    let (Some(id), Some(group)) = (number(&["-u", "postgres"]), number(&["-g", "postgres"])) else {
        return Err("PostgreSQL does not run as root, and there is no user postgres".into());
    };
    std::os::unix::fs::chown(folder, Some(id), Some(group))
        .map_err(|error| format!("can't give a folder away: {error}"))?;
    Ok(Some(User { id, group }))
}
