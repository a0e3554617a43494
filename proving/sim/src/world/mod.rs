//! A world in one thread: virtual time, processes, luck that repeats itself, and a trace of what happened.
//!
//! Whatever happens in it is an act at a moment. Between two acts every process runs until all of it waits. Processes speak with
//! each other and with the outside by acts alone, so the order of acts is the order of everything, and a seed fixes it.

mod process;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use digota_core::testing::chance::scatter;
use digota_core::time::Timestamp;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use process::Process;
pub use trace::Trace;

/// The moment at which every world begins.
const BEGINNING: Timestamp = Timestamp(1_800_000_000_000_000);

/// A span or moment in microseconds; moments count from the world's beginning.
pub type Micros = u64;

/// Microseconds in a millisecond.
pub const MS: Micros = 1000;

/// A process in its world, from start to death. One that is started again is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(usize);

impl ProcessId {
    /// Its number, from 0 on in the order of the starts.
    pub fn number(self) -> usize {
        self.0
    }
}

/// The world. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

type Act = Box<dyn FnOnce(&World) + Send>;

struct State {
    seed: u64,
    now: Micros,
    /// What will happen, by when and in which order it was decided.
    acts: BTreeMap<(Micros, u64), Act>,
    decided: u64,
    /// How often luck was asked at this moment.
    rolls: u64,
    processes: Vec<Process>,
    /// Processes that may have something to do.
    stirred: BTreeSet<ProcessId>,
    trace: Trace,
    counts: BTreeMap<&'static str, u64>,
}

impl World {
    /// A world without anything in it. `loud` keeps the trace's lines, which costs time.
    pub fn new(seed: u64, loud: bool) -> World {
        World(Arc::new(Mutex::new(State {
            seed,
            now: 0,
            acts: BTreeMap::new(),
            decided: 0,
            rolls: 0,
            processes: Vec::new(),
            stirred: BTreeSet::new(),
            trace: Trace::new(loud),
            counts: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the world has been there.
    pub fn now(&self) -> Micros {
        self.state().now
    }

    /// The true time, which no process knows for sure.
    pub fn moment(&self) -> Timestamp {
        Timestamp(BEGINNING.0.saturating_add_unsigned(self.now()))
    }

    /// A number below `sides`. Depends on the seed, the moment, and how often luck was asked at this moment: what happens at
    /// other moments does not change it.
    pub fn roll(&self, sides: u64) -> u64 {
        let mut state = self.state();
        state.rolls += 1;
        scatter(state.seed ^ scatter(state.now ^ scatter(state.rolls))) % sides.max(1)
    }

    /// A span between two: mostly one of the shortest eighth.
    pub fn span(&self, shortest: Micros, longest: Micros) -> Micros {
        let room = longest.saturating_sub(shortest);
        let room = if self.roll(8) == 0 { room } else { room / 8 };
        shortest + self.roll(room + 1)
    }

    /// Tells the trace what happens.
    pub fn note(&self, what: Arguments<'_>) {
        let mut state = self.state();
        let now = state.now;
        state.trace.note(now, what);
    }

    /// Counts something that is worth counting.
    pub fn count(&self, what: &'static str) {
        *self.state().counts.entry(what).or_default() += 1;
    }

    /// Has something happen after a while, whatever becomes of those who wanted it.
    pub fn after(&self, span: Micros, act: impl FnOnce(&World) + Send + 'static) {
        let mut state = self.state();
        state.decided += 1;
        let key = (state.now.saturating_add(span), state.decided);
        state.acts.insert(key, Box::new(act));
    }

    /// Something that a process is told after a while.
    pub fn letter<T: Send + 'static>(&self, to: ProcessId, span: Micros, text: T) -> Letter<T> {
        let (sender, letter) = self.mail(to);
        self.after(span, move |_| sender.send(text));
        letter
    }

    /// A letter that is not written yet, and who will write it.
    pub fn mail<T: Send + 'static>(&self, to: ProcessId) -> (Sender<T>, Letter<T>) {
        let (sender, receiver) = oneshot::channel();
        (Sender { world: self.clone(), to, sender: Some(sender) }, Letter(receiver))
    }

    /// Starts a process.
    pub fn start(&self) -> ProcessId {
        let mut state = self.state();
        state.processes.push(Process::new());
        ProcessId(state.processes.len() - 1)
    }

    /// Runs something in a process, on its own; drops it at once if the process is dead.
    pub fn spawn(
        &self,
        process: ProcessId,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        let mut state = self.state();
        state.stirred.insert(process);
        let handle = state.processes[process.0].handle()?;
        drop(state);
        Some(handle.spawn(future).abort_handle())
    }

    /// Has a process run once more: somebody woke something in it.
    pub fn stir(&self, process: ProcessId) {
        self.state().stirred.insert(process);
    }

    /// Kills a process. Nothing of it runs any more, but for what is being polled just now: that must end by itself.
    pub fn kill(&self, process: ProcessId) {
        let mut state = self.state();
        state.processes[process.0].die();
        state.stirred.insert(process);
    }

    /// Stops a process for a while. Time goes on meanwhile.
    pub fn freeze(&self, process: ProcessId, span: Micros) {
        self.state().processes[process.0].frozen = true;
        self.after(span, move |world| world.thaw(process));
    }

    /// Lets a process go on that was stopped.
    pub fn thaw(&self, process: ProcessId) {
        self.state().processes[process.0].frozen = false;
        self.stir(process);
    }

    /// Whether a process lives.
    pub fn lives(&self, process: ProcessId) -> bool {
        self.state().processes[process.0].lives()
    }

    /// Lets time pass until this moment, or until `enough`, which is asked after every act.
    pub fn run(&self, until: Micros, mut enough: impl FnMut() -> bool) {
        self.settle();
        while !enough() {
            let act = {
                let mut state = self.state();
                let due = state.acts.first_entry().filter(|act| act.key().0 <= until);
                let Some(act) = due else {
                    state.pass_to(until);
                    return;
                };
                let ((at, _), act) = act.remove_entry();
                state.pass_to(at);
                act
            };
            act(self);
            self.settle();
        }
    }

    /// Runs every process that has something to do, until none has.
    fn settle(&self) {
        loop {
            let Some((id, mut process)) = self.state().next_stirred() else { return };
            if self.lives(id) {
                process.run_until_idle();
            }
            // What a dead process was doing goes with it, while nobody holds the world.
            let mut state = self.state();
            let dead = state.processes[id.0].take_back(process);
            drop(state);
            drop(dead);
        }
    }

    /// What was counted.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state().counts.clone()
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    /// Ends the world: every process dies and nothing more happens.
    pub fn end(&self) {
        let (processes, acts) = {
            let mut state = self.state();
            (std::mem::take(&mut state.processes), std::mem::take(&mut state.acts))
        };
        drop(acts);
        drop(processes);
    }
}

impl State {
    fn pass_to(&mut self, moment: Micros) {
        if moment > self.now {
            self.now = moment;
            self.rolls = 0;
        }
    }

    fn next_stirred(&mut self) -> Option<(ProcessId, process::Running)> {
        while let Some(id) = self.stirred.pop_first() {
            if let Some(running) = self.processes[id.0].take() {
                return Some((id, running));
            }
        }
        None
    }
}

/// Writes a letter.
pub struct Sender<T> {
    world: World,
    to: ProcessId,
    sender: Option<oneshot::Sender<T>>,
}

impl<T> Sender<T> {
    /// Sends it. It arrives at once.
    pub fn send(mut self, text: T) {
        if let Some(sender) = self.sender.take() {
            // Whoever does not wait for it any more does not get it.
            let _ = sender.send(text);
        }
    }

    /// Whether nobody waits for it any more.
    pub fn is_unwanted(&self) -> bool {
        self.sender.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.sender = None;
        self.world.stir(self.to);
    }
}

/// Waits for something that happens elsewhere. If whoever was to write is no more, it never comes.
pub struct Letter<T>(oneshot::Receiver<T>);

impl<T> Letter<T> {
    /// The same, but `None` if whoever was to write is no more.
    pub fn or_lost(self) -> oneshot::Receiver<T> {
        self.0
    }
}

impl<T> Future for Letter<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(text)) => Poll::Ready(text),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}
