//! The sandbox's own record: one JSON line per change, on the disk before the change is answered.
//!
//! One thread writes: it takes whatever waits, writes it in one piece, syncs once and then lets all of it be answered.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::entry::Entry;

/// The most jobs of one write.
const GROUP_MAX: usize = 1024;

/// How much memory is taken at once for the record, in bytes, and how much of it a line may need.
const PIECE: usize = 64 * 1024;
const LINE: usize = 1024;

/// The record, for appending and reading back.
pub(crate) enum Journal {
    /// Gone with the process.
    Memory(Mutex<Pieces>),
    /// Kept.
    File(Writer),
}

/// Whole lines in memory, in pieces: one that held all would be copied whenever it has to grow, while everybody waits.
#[derive(Default)]
pub(crate) struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    /// Where the next line goes.
    fn end(&mut self) -> &mut Vec<u8> {
        if self.0.last().is_none_or(|last| last.len() + LINE > last.capacity()) {
            self.0.push(Vec::with_capacity(PIECE));
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

/// The thread that writes, and the way to it.
pub(crate) struct Writer {
    path: PathBuf,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    entries: Vec<Entry>,
    done: oneshot::Sender<Result<(), String>>,
}

/// A promise that everything appended so far will be durable.
#[must_use = "nothing may be answered before it is durable"]
pub(crate) struct Ticket(Option<oneshot::Receiver<Result<(), String>>>);

impl Ticket {
    /// Returns once everything appended until this ticket was given is durable.
    pub(crate) async fn durable(self) -> io::Result<()> {
        let Some(done) = self.0 else { return Ok(()) };
        let written = done.await.unwrap_or_else(|_| Err("the writer is gone".to_owned()));
        written.map_err(io::Error::other)
    }
}

impl Journal {
    /// Opens the record, in memory or at `path`, with what it holds. A torn last line was never answered: it is cut off.
    pub(crate) fn open(path: Option<&Path>, fsync: bool) -> io::Result<(Journal, Vec<Entry>)> {
        let Some(path) = path else { return Ok((Journal::Memory(Mutex::default()), Vec::new())) };
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        file.try_lock().map_err(|_| io::Error::other(format!("{} is in use", path.display())))?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        let entries = replay(&mut file)?;
        if let (true, Some(folder)) = (fsync, path.parent().filter(|p| !p.as_os_str().is_empty())) {
            File::open(folder)?.sync_all()?;
        }
        let (jobs, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox-journal".to_owned())
            .spawn(move || write(&mut file, &inbox, fsync))?;
        Ok((
            Journal::File(Writer { path: path.to_owned(), jobs: Some(jobs), thread: Some(thread) }),
            entries,
        ))
    }

    /// Puts these changes at the end, in the order of the calls. Without any, waits for those before.
    pub(crate) fn append(&self, entries: Vec<Entry>) -> Ticket {
        match self {
            Journal::Memory(text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                entries.iter().for_each(|entry| entry.write_line(text.end()));
                Ticket(None)
            }
            Journal::File(writer) => {
                let (done, ticket) = oneshot::channel();
                if let Some(jobs) = &writer.jobs {
                    // Without a writer the ticket's sender is dropped with the job, which the waiter notices.
                    let _ = jobs.send(Job { entries, done });
                }
                Ticket(Some(ticket))
            }
        }
    }

    /// Everything that was durable a moment ago: whole lines.
    pub(crate) async fn text(&self) -> io::Result<Vec<u8>> {
        match self {
            Journal::Memory(text) => Ok(text.lock().unwrap_or_else(PoisonError::into_inner).0.concat()),
            Journal::File(writer) => {
                let mut text = tokio::fs::read(&writer.path).await?;
                text.truncate(whole_lines(&text));
                Ok(text)
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn replay(file: &mut File) -> io::Result<Vec<Entry>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = whole_lines(&text);
    if whole < text.len() {
        file.set_len(whole as u64)?;
    }
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
    let entry = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", index + 1))
        })
    };
    lines.map(entry).collect()
}

fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn write(file: &mut File, inbox: &mpsc::Receiver<Job>, fsync: bool) {
    let mut text = Vec::new();
    let mut waiting = Vec::new();
    let mut broken = None;
    while let Ok(first) = inbox.recv() {
        for job in std::iter::once(first).chain(inbox.try_iter()).take(GROUP_MAX) {
            job.entries.iter().for_each(|entry| entry.write_line(&mut text));
            waiting.push(job.done);
        }
        // After a failed write nobody knows what the file ends with: nothing may follow it.
        if broken.is_none() && !text.is_empty() {
            broken = write_group(file, &text, fsync).err().map(|error| error.to_string());
        }
        let result = broken.clone().map_or(Ok(()), Err);
        for done in waiting.drain(..) {
            // Whoever waited may be gone.
            let _ = done.send(result.clone());
        }
        text.clear();
    }
}

fn write_group(file: &mut File, text: &[u8], fsync: bool) -> io::Result<()> {
    file.write_all(text)?;
    if fsync { file.sync_data() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_pieces_are_whole_and_in_order_whatever_their_length() {
        let mut pieces = Pieces::default();
        let mut all = Vec::new();
        for length in (0..2000).chain([LINE, PIECE, 2 * PIECE, 1]) {
            let line = vec![b'a' + u8::try_from(length % 26).unwrap(); length];
            pieces.end().extend_from_slice(&line);
            all.extend(line);
        }
        assert!(pieces.0.len() > 20, "{} pieces", pieces.0.len());
        assert_eq!(pieces.0.concat(), all);
    }
}
