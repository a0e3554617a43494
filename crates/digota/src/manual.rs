//! What the command line tells shells and manuals about itself.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// `digota completions`.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  digota completions bash > /etc/bash_completion.d/digota
  digota completions zsh > \"${fpath[1]}/_digota\"
  digota completions fish > ~/.config/fish/completions/digota.fish")]
pub(crate) struct Completions {
    /// The shell that is to complete
    shell: Shell,
}

/// `digota man`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  digota man | man -l -                       read the page of digota
  digota man --dir /usr/local/share/man/man1  install a page for every command, for `man digota-serve`")]
pub(crate) struct Man {
    /// Write a page for every command into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "digota", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}

impl Man {
    /// Prints the page of digota itself, or writes all of them.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            return Ok(io::stdout().write_all(&page)?);
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        clap_mangen::generate_to(Cli::command(), &dir)
            .with_context(|| format!("cannot write to {}", dir.display()))?;
        Ok(writeln!(io::stdout(), "wrote the pages to {}", dir.display())?)
    }
}
