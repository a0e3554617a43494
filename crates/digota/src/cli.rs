//! The command line.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::{Sources, describe};
use crate::logging::Verbosity;
use crate::operator::{backup, migrate, payments, verify};
use crate::{ca, demo, dev, doctor, logging, manual, pretend, serve};

/// The heading of what every command understands.
pub(crate) const EVERYWHERE: &str = "Options of every command";

/// The commerce backend that other services call over gRPC: products, stock, orders, payments
#[derive(Debug, Parser)]
#[command(
    name = "digota",
    version,
    after_help = "Without a command, digota serves.

First steps:
  digota demo           watch an order being made, paid and returned
  digota serve --dev    a server on this machine, nothing to set up

A server of your own:
  digota ca init --dir certs            certificates, and the lines of digota.toml that use them
  digota ca issue shop --dir certs      a certificate for a client called shop, and the lines that let it in
  digota doctor                         what is missing, and how to mend it
  digota serve"
)]
pub(crate) struct Cli {
    /// The settings file; without it the one that DIGOTA_CONFIG names, else digota.toml if there is one
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until Ctrl-C or SIGTERM
    Serve(Serve),
    /// Watch an order being made, paid and returned, on a server of its own
    Demo(demo::Demo),
    /// Make certificates: a CA, its server, its clients
    #[command(subcommand)]
    Ca(ca::Command),
    /// Print every setting, its value, and where it came from
    Config(Config),
    /// Look at everything that a server needs, and say how to mend what is wrong
    Doctor(doctor::Doctor),
    /// Look after payments: those that are not settled, and those that ended oddly
    #[command(subcommand)]
    Payments(payments::Command),
    /// Copy the data into a file while the node serves
    Backup(backup::Backup),
    /// Judge whether what is stored adds up: money, stock, orders, events
    Verify(verify::Verify),
    /// Bring the storage to the schema of this digota
    Migrate(migrate::Migrate),
    /// Run the sandbox, a payment gateway that only pretends, as a process of its own
    Sandbox(pretend::Pretend),
    /// Print a script that has a shell complete commands and options
    Completions(manual::Completions),
    /// Print the manual page, or write one for every command
    Man(manual::Man),
}

#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Settings come from the file and from variables that begin with DIGOTA_, which win.
`digota config` shows what that comes to, `digota doctor` what is still wrong.

Examples:
  digota serve                        as digota.toml says
  digota serve --config shop.toml     as another file says
  digota serve --dev                  on 127.0.0.1:3051 with everything made for you, in digota-dev/")]
struct Serve {
    /// Serve on this machine alone with nothing to set up: make certificates, keep the data in a folder, pay with the sandbox
    #[arg(long)]
    dev: bool,
    /// The folder that --dev keeps everything in
    #[arg(long, value_name = "DIR", default_value = "digota-dev", requires = "dev")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads file and environment as a server does. Secrets are hidden. What is wrong is told at the end, all
of it at once, and the exit code is 1."
)]
struct Config {
    /// Print what there is to set instead: what each setting means, its variable, how it is written, its default
    #[arg(long)]
    describe: bool,
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let sources = Sources::from_process(self.config);
        match self.command {
            None | Some(Command::Serve(Serve { dev: false, .. })) => {
                serve::run(sources, self.verbosity, |_| ())
            }
            Some(Command::Serve(Serve { data, .. })) => {
                let dev = dev::Folder::prepare(&data)?;
                let sources = sources.named_file_only().preset("--dev", &dev.preset());
                dev.insist(&sources.clone().load()?.settings)?;
                serve::run(sources, self.verbosity, |address| dev.introduce(address))
            }
            Some(Command::Demo(demo)) => demo.run(self.verbosity),
            Some(Command::Ca(command)) => command.run(&sources),
            Some(Command::Config(Config { describe: true })) => Ok(write!(io::stdout(), "{}", describe())?),
            Some(Command::Config(Config { describe: false })) => {
                let (loaded, problems) = sources.inspect();
                for line in loaded.explain() {
                    writeln!(io::stdout(), "{line}")?;
                }
                if problems.0.is_empty() { Ok(()) } else { Err(problems.into()) }
            }
            Some(Command::Doctor(doctor)) => doctor.run(sources),
            Some(Command::Completions(completions)) => completions.run(),
            Some(Command::Man(man)) => man.run(),
            Some(Command::Payments(command)) => command.run(sources),
            Some(Command::Backup(backup)) => backup.run(sources),
            Some(Command::Verify(verify)) => verify.run(sources),
            Some(Command::Migrate(migrate)) => migrate.run(sources),
            Some(Command::Sandbox(pretend)) => {
                logging::init(self.verbosity, &Default::default());
                pretend.run()
            }
        }
    }
}
