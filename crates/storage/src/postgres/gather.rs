//! Many who ask for one thing each at the same time are answered by one statement: what a read costs is mostly the way there
//! and back, on both sides.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use digota_core::port::store::StoreError;
use tokio::sync::oneshot;

use super::read::Readers;

/// The most statements of a kind under way. While one is on its way, the next fills up.
const FLIGHTS: usize = 2;

/// The most questions in one statement.
const PLACES: usize = 256;

/// What can be asked together with others of its kind.
pub(super) trait Question: Send + Sync + Sized + 'static {
    type Answer: Send;

    /// Answers all, in their order, as of one moment.
    fn ask(readers: &Readers, all: &[&Self]) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

/// Where questions of a kind wait for the next statement. What it reads was committed when the question was asked, or later:
/// it is sent after that.
pub(super) struct Gather<Q: Question> {
    hall: Arc<Hall<Q>>,
}

struct Hall<Q: Question> {
    readers: Arc<Readers>,
    waiting: Mutex<Waiting<Q>>,
}

struct Waiting<Q: Question> {
    line: VecDeque<Passenger<Q>>,
    under_way: usize,
}

struct Passenger<Q: Question> {
    question: Q,
    reply: oneshot::Sender<Result<Q::Answer, StoreError>>,
}

impl<Q: Question> Gather<Q> {
    pub(super) fn new(readers: &Arc<Readers>) -> Self {
        let waiting = Mutex::new(Waiting { line: VecDeque::new(), under_way: 0 });
        Self { hall: Arc::new(Hall { readers: Arc::clone(readers), waiting }) }
    }

    /// Asks, together with whoever asks at the same time.
    pub(super) async fn ask(&self, question: Q) -> Result<Q::Answer, StoreError> {
        let _room = self.hall.readers.enter()?;
        let (reply, answer) = oneshot::channel();
        if self.hall.join(Passenger { question, reply }) {
            // A task of its own: whoever asked first may stop waiting.
            tokio::spawn(Flight { hall: Arc::clone(&self.hall), has_landed: false }.run());
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Broken("a reader failed".into())))
    }
}

impl<Q: Question> Hall<Q> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<Q>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the line. Whether one more flight is to start.
    fn join(&self, passenger: Passenger<Q>) -> bool {
        let mut waiting = self.waiting();
        waiting.line.push_back(passenger);
        let starts = waiting.under_way < FLIGHTS;
        waiting.under_way += usize::from(starts);
        starts
    }
}

/// Flies as long as somebody waits.
struct Flight<Q: Question> {
    hall: Arc<Hall<Q>>,
    has_landed: bool,
}

impl<Q: Question> Flight<Q> {
    async fn run(mut self) {
        while let Some(passengers) = self.board() {
            self.carry(passengers).await;
        }
    }

    /// Whoever waits; lands where nobody does, in the same moment.
    fn board(&mut self) -> Option<Vec<Passenger<Q>>> {
        let mut waiting = self.hall.waiting();
        if waiting.line.is_empty() {
            waiting.under_way -= 1;
            self.has_landed = true;
            return None;
        }
        let places = waiting.line.len().min(PLACES);
        Some(waiting.line.drain(..places).collect())
    }

    async fn carry(&self, passengers: Vec<Passenger<Q>>) {
        let questions: Vec<&Q> = passengers.iter().map(|passenger| &passenger.question).collect();
        let outcome = Q::ask(&self.hall.readers, &questions).await;
        let outcomes: Vec<_> = match outcome {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            // One row that makes no sense is not everybody's trouble.
            Err(StoreError::Broken(_)) if questions.len() > 1 => {
                let mut outcomes = vec![];
                for question in questions {
                    let answer = Q::ask(&self.hall.readers, &[question]).await;
                    outcomes.push(answer.and_then(only));
                }
                outcomes
            }
            Err(error) => vec![error; questions.len()].into_iter().map(Err).collect(),
        };
        for (passenger, outcome) in passengers.into_iter().zip(outcomes) {
            // Nobody waits any more: fine.
            drop(passenger.reply.send(outcome));
        }
    }
}

impl<Q: Question> Drop for Flight<Q> {
    fn drop(&mut self) {
        if !self.has_landed {
            self.hall.waiting().under_way -= 1;
        }
    }
}

fn only<T>(answers: Vec<T>) -> Result<T, StoreError> {
    answers.into_iter().next().ok_or_else(|| StoreError::Broken("a question has no answer".into()))
}
