//! Clients: what they ask for, how they insist, and what they remember of it.

mod ask;
mod follower;
mod market;
mod requests;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use digota_oracle::books::Event;
use tonic::Code;
use uuid::Uuid;

use crate::plan::{Deed, What};
use crate::stage::Stage;
use crate::world::{MS, Micros};

pub use ask::{Ask, Terms, Told};
pub use requests::{Ware, id};
pub use wire::No;

/// How long a request is sent again and again.
const PATIENCE: Micros = 150_000 * MS;

/// How long one waits before a request is sent again.
const PAUSE: (Micros, Micros) = (20 * MS, 2000 * MS);

/// Everybody who does something, and what they know.
pub struct People {
    stage: Arc<Stage>,
    known: Mutex<Known>,
}

/// What people know.
#[derive(Default)]
pub struct Known {
    /// What can be bought.
    pub wares: Vec<Ware>,
    /// What was asked for, by the number of the deed.
    pub calls: BTreeMap<usize, Call>,
    /// How many deeds are under way.
    pub busy: usize,
    /// Answers that say that the server itself is at fault.
    pub faults: Vec<String>,
    /// What the follower received.
    pub followed: Vec<Event>,
}

/// A request with its key, however often it was sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// The deed that asked.
    pub what: What,
    /// Who asked.
    pub caller: String,
    /// The idempotency key, if it had one.
    pub key: Option<String>,
    /// What was asked.
    pub ask: Ask,
    /// When it was asked first.
    pub begun: Micros,
    /// What was heard of it, whoever sent it, in that order.
    pub heard: Vec<Heard>,
    /// How many wait for an answer now.
    pub waiting: usize,
}

/// What somebody heard of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What.
    pub outcome: Outcome,
    /// When the request was sent that this answers.
    pub sent: Micros,
    /// When it was heard.
    pub at: Micros,
}

/// What came of a request, as far as its client knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// OK: it must be in effect.
    Done(Box<Told>),
    /// A definite no: it must not be in effect.
    Refused(No),
    /// No answer that says: all of it may be in effect, or none.
    Unknown(No),
}

impl People {
    /// People who know nothing yet.
    pub fn new(stage: &Arc<Stage>) -> Arc<People> {
        let people = Arc::new(People { stage: Arc::clone(stage), known: Mutex::default() });
        if stage.setup.follower {
            stage.world.spawn(stage.clients, Arc::clone(&people).follow());
        }
        people
    }

    /// What they know.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody is waiting for anything.
    pub fn are_done(&self) -> bool {
        self.known().busy == 0
    }

    /// Has somebody do something, beginning now.
    pub fn begin(self: &Arc<Self>, deed: &Deed) {
        self.known().busy += 1;
        let (people, deed) = (Arc::clone(self), deed.clone());
        let doing = async move {
            people.act(&deed).await;
            people.known().busy -= 1;
        };
        self.stage.world.spawn(self.stage.clients, doing);
    }

    async fn act(&self, deed: &Deed) {
        match deed.what {
            What::Settle { well } => return self.stage.settle_gateway(well),
            What::Again { deed: first } => return self.repeat(first, deed).await,
            _ => {}
        }
        let Some(ask) = self.request(deed) else {
            self.stage.world.note(format_args!("#{} makes no sense now", deed.number));
            return;
        };
        let caller = format!("client-{}", deed.client);
        let key = deed.keyed.then(|| format!("key-of-the-deed-{:04}", deed.number));
        let begun = self.stage.world.now();
        let call = Call { what: deed.what.clone(), caller, key, ask, begun, heard: vec![], waiting: 0 };
        self.known().calls.insert(deed.number, call.clone());
        self.insist(deed.number, &call, deed).await;
    }

    async fn repeat(&self, first: usize, deed: &Deed) {
        let call = self.known().calls.get(&first).cloned();
        let Some(call) = call.filter(|call| call.key.is_some()) else { return };
        self.insist(first, &call, deed).await;
        self.stage.world.count("answers asked again");
    }

    /// Sends a request until there is an answer that says what became of it, and notes that for the deed that asked first.
    async fn insist(&self, first: usize, call: &Call, deed: &Deed) {
        let note = |change: &dyn Fn(&mut Call)| {
            if let Some(call) = self.known().calls.get_mut(&first) {
                change(call);
            }
        };
        note(&|call| call.waiting += 1);
        let heard = self.hear(call, deed).await;
        note(&|call| {
            call.waiting -= 1;
            call.heard.push(heard.clone());
        });
    }

    async fn hear(&self, call: &Call, deed: &Deed) -> Heard {
        let world = &self.stage.world;
        let give_up = world.now() + PATIENCE;
        let mut place = deed.node % self.stage.setup.nodes;
        let mut tries = 0;
        loop {
            let deadline = Duration::from_millis(deed.deadline_ms);
            let terms = Terms { caller: call.caller.clone(), key: call.key.clone(), deadline };
            let sent = world.now();
            let answer = self.stage.ask(place, call.ask.clone(), terms).await;
            let last = call.key.is_none() || world.now() >= give_up;
            if let Some(outcome) = self.understand(answer, last, deed) {
                return Heard { outcome, sent, at: world.now() };
            }
            world.count("requests resent");
            // Whoever was told no more after some tries asks less often.
            tries += 1;
            let pause = world.span(PAUSE.0, PAUSE.1) * u64::min(tries, 8);
            world.letter(self.stage.clients, pause, ()).await;
            place = (place + 1) % self.stage.setup.nodes;
        }
    }

    /// What an answer says of a request; `None` where it must be sent again, unless this was the last time.
    fn understand(&self, answer: Result<Told, No>, last: bool, deed: &Deed) -> Option<Outcome> {
        let world = &self.stage.world;
        let no = match answer {
            Ok(told) => {
                world.note(format_args!("#{}: OK", deed.number));
                return Some(Outcome::Done(Box::new(told)));
            }
            Err(no) => no,
        };
        world.note(format_args!("#{}: {:?} {}", deed.number, no.code, no.reason));
        if no.code == Code::Internal {
            self.known().faults.push(format!("#{} {}: {}", deed.number, deed.what, no.message));
        }
        match no.is_definite() {
            true => Some(Outcome::Refused(no)),
            false => last.then_some(Outcome::Unknown(no)),
        }
    }

    /// Asks once, without a key.
    pub async fn look(&self, place: usize, ask: Ask) -> Result<Told, No> {
        let terms = Terms { caller: "looker".to_owned(), key: None, deadline: Duration::from_secs(10) };
        self.stage.ask(place, ask, terms).await
    }
}

impl No {
    /// Whether it says for sure that nothing happened. Anything else must be asked again.
    pub fn is_definite(&self) -> bool {
        if self.reason.is_empty() {
            return false;
        }
        match self.code {
            Code::Aborted => self.reason == "processing_error",
            Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound | Code::AlreadyExists => true,
            _ => false,
        }
    }
}

impl Known {
    /// The order or charge that a deed made, as its client was told.
    pub fn made(&self, deed: usize) -> Option<&Told> {
        match self.calls.get(&deed)?.outcome()? {
            Outcome::Done(told) => Some(told),
            _ => None,
        }
    }

    /// The id of the order that a deed made.
    pub fn order(&self, deed: usize) -> Option<Uuid> {
        match self.made(deed)? {
            Told::Order(order) => id(&order.id),
            _ => None,
        }
    }
}
