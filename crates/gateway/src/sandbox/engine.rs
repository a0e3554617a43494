//! The sandbox's rules together with its record: nothing leaves here that is not durable.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use digota_core::port::Clock;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::entry::Entry;
use super::journal::Journal;
use super::options::Options;
use super::state::{Command, Refusal, Spans, State};
use super::wire::View;

/// Where challenges are met as long as the sandbox has no address.
const NOWHERE: &str = "http://sandbox.invalid";

/// What is known, and where it is kept.
pub(crate) struct Engine {
    state: Mutex<State>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    base: OnceLock<String>,
}

impl Engine {
    /// An engine that knows what its record holds.
    pub(crate) fn open(options: &Options) -> io::Result<Engine> {
        let (journal, entries) = Journal::open(options.journal.as_deref(), options.fsync)?;
        let mut state = State::new(Spans { pending: options.pending_for, action: options.action_for });
        for entry in &entries {
            state.apply(entry).map_err(|text| io::Error::new(io::ErrorKind::InvalidData, text))?;
        }
        let engine =
            Engine { state: Mutex::new(state), journal, clock: options.clock.clone(), base: OnceLock::new() };
        if let Some(url) = &options.public_url {
            engine.reached_at(url.trim_end_matches('/'));
        }
        Ok(engine)
    }

    /// Says where buyers' browsers reach the sandbox. The first word counts.
    pub(crate) fn reached_at(&self, base: &str) {
        let _ = self.base.set(base.to_owned());
    }

    /// Carries a command out once, and answers what became of its attempt.
    pub(crate) async fn execute(&self, command: Command) -> io::Result<Result<View, Refusal>> {
        let attempt = command.attempt;
        self.transact(|state, now, entries| {
            entries.extend(state.execute(now, command)?);
            Ok(state.view(attempt, self.base()).expect("an attempt that was executed is known"))
        })
        .await
    }

    /// What became of an attempt; `None` without a trace of it.
    pub(crate) async fn find(&self, attempt: Uuid) -> io::Result<Option<View>> {
        self.transact(|state, _, _| state.view(attempt, self.base())).await
    }

    /// Makes an attempt impossible unless it has ended, and answers what became of it.
    pub(crate) async fn cancel(&self, attempt: Uuid) -> io::Result<View> {
        self.transact(|state, now, entries| {
            entries.extend(state.cancel(now, attempt));
            state.view(attempt, self.base()).expect("an attempt that was canceled is known")
        })
        .await
    }

    /// The buyer passes or fails a challenge: what became of the attempt, and where the buyer goes next.
    pub(crate) async fn challenge(
        &self,
        attempt: Uuid,
        passed: bool,
    ) -> io::Result<(Option<View>, Option<String>)> {
        self.transact(|state, now, entries| {
            entries.extend(state.challenge(now, attempt, passed));
            (state.view(attempt, self.base()), state.return_url(attempt))
        })
        .await
    }

    /// The whole record as JSON lines.
    pub(crate) async fn journal(&self) -> io::Result<Vec<u8>> {
        self.transact(|_, _, _| ()).await?;
        self.journal.text().await
    }

    /// What came from buyers less what went back.
    pub(crate) fn moved(&self) -> i128 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).moved()
    }

    fn base(&self) -> &str {
        self.base.get().map_or(NOWHERE, String::as_str)
    }

    /// Changes are put into the record in the order in which they are made, and reads wait for the changes that they saw.
    async fn transact<R>(
        &self,
        work: impl FnOnce(&mut State, Timestamp, &mut Vec<Entry>) -> R,
    ) -> io::Result<R> {
        let (result, ticket) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            let mut entries = state.settle_due(now);
            let result = work(&mut state, now, &mut entries);
            (result, self.journal.append(entries))
        };
        ticket.durable().await?;
        Ok(result)
    }
}
