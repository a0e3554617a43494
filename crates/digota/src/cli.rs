//! The command line.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::{Settings, Sources};
use crate::logging::Verbosity;
use crate::{ca, demo, dev, logging, pretend, serve};

/// The commerce backend that other services call over gRPC: products, stock, orders, payments
#[derive(Debug, Parser)]
#[command(
    name = "digota",
    version,
    after_help = "Without a command, digota serves.\n\nFirst steps:\n  digota demo           watch an order being \
                  made, paid and returned\n  digota serve --dev    a server on this machine, nothing to set up\n  \
                  digota config         every setting, its value, and where it came from"
)]
pub(crate) struct Cli {
    /// The settings file; without it digota.toml, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve
    Serve(Serve),
    /// Make, pay and return an order, on a server of its own
    Demo(demo::Demo),
    /// Make certificates: a CA, its server, its clients
    #[command(subcommand)]
    Ca(ca::Command),
    /// Print every setting, its value, and where it came from
    Config(Config),
    /// Run the sandbox: a payment gateway that only pretends
    Sandbox(pretend::Pretend),
}

#[derive(Debug, Default, clap::Args)]
struct Serve {
    /// Serve on this machine with nothing to set up: makes certificates, keeps its data in a folder, pays with the sandbox
    #[arg(long)]
    dev: bool,
    /// The folder that --dev keeps everything in
    #[arg(long, value_name = "DIR", default_value = "digota-dev", requires = "dev")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Config {
    /// Print what each setting means and which environment variable sets it, instead of values
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
            Some(Command::Config(Config { describe: true })) => describe(),
            Some(Command::Config(Config { describe: false })) => {
                let (loaded, problems) = sources.inspect();
                for line in loaded.explain() {
                    writeln!(io::stdout(), "{line}")?;
                }
                if problems.0.is_empty() { Ok(()) } else { Err(problems.into()) }
            }
            Some(Command::Sandbox(pretend)) => {
                logging::init(self.verbosity, &Default::default());
                pretend.run()
            }
        }
    }
}

/// Every setting: its key, its variable, and what it means. `#` stands for the index of a list.
fn describe() -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for key in Settings::keys() {
        writeln!(out, "{}  ({})\n    {}", key.path, key.variable(), key.about)?;
    }
    Ok(())
}
