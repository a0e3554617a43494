//! `digota backup`: a copy of the data while the node serves.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use digota_proto::adminpb::BackupRequest;
use digota_storage::sqlite::{self, Progress};
use tokio::io::AsyncWriteExt;

use super::reach::Reach;
use super::storage::Which;
use crate::config::Sources;
use crate::serve::runtime;

/// `digota backup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The copy is as of the moment at which it began, one file, readable by its owner alone, and was looked at \
                        for damage. It stands under its name once it is whole. Everything that was acknowledged before is in it.\n\n\
                        To restore: stop the node, put the copy in the place of the database, remove the files beside it that end \
                        in -wal and -shm, look at it with `digota verify`, start the node."
)]
pub(crate) struct Backup {
    /// The file to write; it must not exist yet
    file: PathBuf,
    /// Have the running node send its copy, instead of reading the database here
    #[arg(long)]
    remote: bool,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    reach: Reach,
}

impl Backup {
    /// Does it.
    pub(crate) fn run(self, sources: Sources) -> anyhow::Result<()> {
        let since = Instant::now();
        ensure!(
            !self.file.exists(),
            "{} is there already, and a backup overwrites nothing",
            self.file.display()
        );
        let bytes = match self.remote {
            true => runtime()?.block_on(fetch(&self.file, self.reach, sources))?,
            false => copy(&self.file, self.which, sources)?,
        };
        let ms = since.elapsed().as_millis();
        writeln!(io::stdout(), "{} holds {bytes} bytes, copied in {ms} ms", self.file.display())?;
        Ok(())
    }
}

fn copy(to: &Path, which: Which, sources: Sources) -> anyhow::Result<u64> {
    let (config, name) = which.config(sources)?;
    if config.handler != "sqlite" {
        bail!("{name} is a database server: use its own tools to back it up");
    }
    let mut telling = Telling::new();
    let copied = sqlite::copy(sqlite::path(&config), to, |progress| telling.tell(progress));
    telling.end();
    Ok(copied.context("there is no backup")?.size)
}

async fn fetch(to: &Path, reach: Reach, sources: Sources) -> anyhow::Result<u64> {
    let mut node = reach.node(sources).await?;
    let mut chunks = match node.admin.backup(BackupRequest {}).await {
        Ok(chunks) => chunks.into_inner(),
        Err(status) => return Err(node.explain(&status)),
    };
    let part = Part::make(to).await?;
    let mut file = tokio::fs::OpenOptions::new().write(true).open(&part.0).await?;
    let (mut telling, mut progress) = (Telling::new(), Progress::default());
    while let Some(chunk) = chunks.message().await.map_err(|status| node.explain(&status))? {
        file.write_all(&chunk.data).await.with_context(|| format!("can't write {}", part.0.display()))?;
        progress.copied += chunk.data.len() as u64;
        progress.size = u64::try_from(chunk.size).unwrap_or_default();
        telling.tell(progress);
    }
    telling.end();
    let Progress { copied, size } = progress;
    ensure!(copied == size && size > 0, "the node sent {copied} of {size} bytes; there is no backup");
    file.sync_all().await?;
    // Unlike a rename, this overwrites nothing.
    std::fs::hard_link(&part.0, to).with_context(|| format!("can't make {}", to.display()))?;
    Ok(copied)
}

/// A copy that is not whole yet: goes when it is dropped.
struct Part(PathBuf);

impl Part {
    async fn make(to: &Path) -> anyhow::Result<Part> {
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let made = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
        made.with_context(|| format!("can't make {}", path.display()))?;
        Ok(Part(path))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // If it can't be removed it is told apart by its name.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Tells a person at a terminal how far it is.
struct Telling {
    shown: Option<u64>,
    on_terminal: bool,
}

impl Telling {
    fn new() -> Telling {
        Telling { shown: None, on_terminal: io::stderr().is_terminal() }
    }

    fn tell(&mut self, progress: Progress) {
        let percent = (progress.copied * 100).checked_div(progress.size).unwrap_or(100);
        if self.on_terminal && self.shown != Some(percent) {
            self.shown = Some(percent);
            eprint!("\rcopying: {percent} %");
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
