//! The sandbox's rules, without I/O: what it knows, and what a command makes of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use digota_core::money::Money;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::gateway::Op;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::attempt::{Attempt, Verdict, moved};
use super::cards::{Behaviour, Row, UNKNOWN};
use super::entry::{Entry, Event};
use super::wire::{Status, View};

/// A request that moves money.
pub(crate) struct Command {
    pub(crate) attempt: Uuid,
    pub(crate) key: String,
    pub(crate) op: Op,
    /// The attempt that made the charge; for a charge the attempt itself.
    pub(crate) charge: Uuid,
    /// Absent for a void.
    pub(crate) money: Option<Money>,
    /// What the card, token or amount of a charge chose. For what follows, the charge's own row counts.
    pub(crate) row: Option<&'static Row>,
    pub(crate) capture_later: bool,
    pub(crate) statement: String,
    pub(crate) return_url: String,
}

/// Why a command is refused without having been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The key came with another request before.
    KeyReused,
    /// The reference came with another key before.
    DuplicateReference,
}

/// How long open attempts stay open.
#[derive(Clone, Copy)]
pub(crate) struct Spans {
    pub(crate) pending: Duration,
    pub(crate) action: Duration,
}

/// Everything that the sandbox knows: the sum of its entries.
pub(crate) struct State {
    /// Each at a place of its own: a map that grows moves what it holds, while everybody waits.
    attempts: HashMap<Uuid, Box<Attempt>>,
    keys: HashMap<String, Uuid>,
    /// Attempts that were made impossible before they came.
    impossible: HashSet<Uuid>,
    /// Open attempts by the moment that ends them.
    due: BTreeSet<(Timestamp, Uuid)>,
    seq: u64,
    moved: i128,
    spans: Spans,
}

impl State {
    pub(crate) fn new(spans: Spans) -> State {
        State {
            attempts: HashMap::new(),
            keys: HashMap::new(),
            impossible: HashSet::new(),
            due: BTreeSet::new(),
            seq: 0,
            moved: 0,
            spans,
        }
    }

    /// What came from buyers less what went back, in smallest units of whatever currency.
    pub(crate) fn moved(&self) -> i128 {
        self.moved
    }

    /// Carries a command out, once: nothing comes of a repetition, or of an attempt that was made impossible.
    pub(crate) fn execute(&mut self, now: Timestamp, command: Command) -> Result<Option<Entry>, Refusal> {
        if self.impossible.contains(&command.attempt) {
            return Ok(None);
        }
        match (self.keys.get(&command.key), self.attempts.get(&command.attempt)) {
            (Some(owner), Some(known)) if *owner == command.attempt && known.repeats(&command) => Ok(None),
            (Some(_), _) => Err(Refusal::KeyReused),
            (None, Some(_)) => Err(Refusal::DuplicateReference),
            (None, None) => Ok(Some(self.begin(now, command))),
        }
    }

    /// Ends whatever is open and whose time has come.
    pub(crate) fn settle_due(&mut self, now: Timestamp) -> Vec<Entry> {
        let mut entries = Vec::new();
        while let Some((_, attempt)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let known = self.attempts.get(&attempt);
            let verdict = known.map_or(Verdict::of(Status::Canceled), |known| known.at_its_due());
            entries.push(self.end(now, attempt, Event::Settle, verdict));
        }
        entries
    }

    /// The buyer passes or fails a challenge. Changes nothing if none is open.
    pub(crate) fn challenge(&mut self, now: Timestamp, attempt: Uuid, passed: bool) -> Option<Entry> {
        let known = self.attempts.get(&attempt).filter(|a| a.status == Status::RequiresAction)?;
        let verdict = match passed {
            true => Verdict::success(known.capture_later),
            false => Verdict::declined(DeclineCode::AuthenticationRequired),
        };
        Some(self.end(now, attempt, Event::Settle, verdict))
    }

    /// Makes sure that an attempt has no effect any more, unless it has ended already.
    pub(crate) fn cancel(&mut self, now: Timestamp, attempt: Uuid) -> Option<Entry> {
        let ended = self.attempts.get(&attempt).is_some_and(|a| !a.status.is_open());
        if ended || self.impossible.contains(&attempt) {
            return None;
        }
        Some(self.end(now, attempt, Event::Cancel, Verdict::of(Status::Canceled)))
    }

    /// The attempt as answers show it; `base` is where challenges are met.
    pub(crate) fn view(&self, attempt: Uuid, base: &str) -> Option<View> {
        match self.attempts.get(&attempt) {
            Some(known) => Some(known.view(attempt, base)),
            None if self.impossible.contains(&attempt) => Some(View {
                reference: attempt,
                op: None,
                id: None,
                status: Status::Canceled,
                amount: None,
                currency: None,
                decline: None,
                next_action: None,
            }),
            None => None,
        }
    }

    /// Where the buyer goes after a challenge.
    pub(crate) fn return_url(&self, attempt: Uuid) -> Option<String> {
        self.attempts.get(&attempt).map(|a| a.return_url.to_string()).filter(|url| !url.is_empty())
    }

    /// Makes a change that was decided, now or before a restart.
    ///
    /// # Errors
    /// A sentence where the entry can't come from this sandbox.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        let was_open = self.attempts.get(&entry.attempt).is_some_and(|a| a.status.is_open());
        match entry.event {
            Event::Charge => self.insert(entry, Op::Charge)?,
            Event::Capture => self.insert(entry, Op::Capture)?,
            Event::Void => self.insert(entry, Op::Void)?,
            Event::Refund => self.insert(entry, Op::Refund)?,
            Event::Settle | Event::Cancel => match self.attempts.get_mut(&entry.attempt) {
                Some(known) => {
                    (known.status, known.decline) = (entry.status, entry.decline);
                    self.due.remove(&(known.due, entry.attempt));
                }
                None => {
                    self.impossible.insert(entry.attempt);
                }
            },
        }
        self.seq = entry.seq;
        self.moved += i128::from(entry.moved);
        self.land(entry.attempt, was_open);
        Ok(())
    }

    fn insert(&mut self, entry: &Entry, op: Op) -> Result<(), String> {
        let row = Row::named(&entry.card).ok_or_else(|| format!("there is no test card {:?}", entry.card))?;
        let attempt = Attempt {
            op,
            charge: entry.charge,
            money: entry.money(),
            status: entry.status,
            decline: entry.decline,
            row,
            capture_later: entry.capture_later,
            due: entry.due.unwrap_or_default(),
            return_url: entry.return_url.clone().into(),
            held: 0,
            captured: 0,
            refunded: 0,
        };
        self.due.extend(entry.due.map(|due| (due, entry.attempt)));
        self.keys.insert(entry.key.clone(), entry.attempt);
        self.attempts.insert(entry.attempt, Box::new(attempt));
        Ok(())
    }

    /// What an attempt's status means for its charge.
    fn land(&mut self, attempt: Uuid, was_open: bool) {
        let Some(known) = self.attempts.get(&attempt) else { return };
        let (op, status, amount) = (known.op, known.status, known.amount());
        let Some(charge) = self.attempts.get_mut(&known.charge.clone()) else { return };
        match (op, status) {
            (Op::Charge, Status::Succeeded) => charge.captured = amount,
            (Op::Charge, Status::Authorized) => charge.held = amount,
            (Op::Capture, Status::Succeeded) => (charge.held, charge.captured) = (0, amount),
            (Op::Void, Status::Canceled) => charge.held = 0,
            (Op::Refund, Status::Pending) => charge.refunded += amount,
            (Op::Refund, Status::Succeeded) if !was_open => charge.refunded += amount,
            (Op::Refund, Status::Declined | Status::Canceled) if was_open => charge.refunded -= amount,
            _ => {}
        }
    }

    fn begin(&mut self, now: Timestamp, command: Command) -> Entry {
        let row = command.row.or_else(|| self.attempts.get(&command.charge).map(|charge| charge.row));
        let row = row.unwrap_or(&UNKNOWN);
        let verdict = self.judge(now, &command, row);
        let event = match command.op {
            Op::Charge => Event::Charge,
            Op::Capture => Event::Capture,
            Op::Void => Event::Void,
            Op::Refund => Event::Refund,
        };
        self.change(Entry {
            seq: self.seq + 1,
            at: now,
            event,
            attempt: command.attempt,
            charge: command.charge,
            status: verdict.status,
            decline: verdict.decline,
            amount: command.money.map_or(0, |money| money.amount),
            currency: command.money.map(|money| money.currency),
            moved: moved(command.op, verdict.status, command.money),
            key: command.key,
            card: row.name.to_owned(),
            statement: command.statement,
            capture_later: command.capture_later,
            due: verdict.due,
            return_url: command.return_url,
        })
    }

    fn end(&mut self, now: Timestamp, attempt: Uuid, event: Event, verdict: Verdict) -> Entry {
        let known = self.attempts.get(&attempt);
        let money = known.and_then(|a| a.money);
        self.change(Entry {
            seq: self.seq + 1,
            at: now,
            event,
            attempt,
            charge: known.map_or(Uuid::nil(), |a| a.charge),
            status: verdict.status,
            decline: verdict.decline,
            amount: money.map_or(0, |money| money.amount),
            currency: money.map(|money| money.currency),
            moved: known.map_or(0, |a| moved(a.op, verdict.status, money)),
            key: String::new(),
            card: String::new(),
            statement: String::new(),
            capture_later: false,
            due: None,
            return_url: String::new(),
        })
    }

    fn change(&mut self, entry: Entry) -> Entry {
        self.apply(&entry).expect("only rows of the table are decided with");
        entry
    }

    fn judge(&self, now: Timestamp, command: &Command, row: &Row) -> Verdict {
        let charge = self.attempts.get(&command.charge).filter(|a| a.op == Op::Charge);
        match (command.op, charge) {
            (Op::Charge, _) => self.judge_charge(now, command, row),
            (Op::Capture, Some(charge)) => charge.judge_capture(command.money),
            (Op::Void, Some(charge)) if charge.held > 0 => Verdict::of(Status::Canceled),
            (Op::Capture | Op::Void, _) => Verdict::declined(DeclineCode::ChargeNotOpen),
            (Op::Refund, Some(charge)) => charge.judge_refund(command.money, now.after(self.spans.pending)),
            (Op::Refund, None) => Verdict::declined(DeclineCode::RefundNotAllowed),
        }
    }

    fn judge_charge(&self, now: Timestamp, command: &Command, row: &Row) -> Verdict {
        match row.behaviour {
            _ if command.money.is_none_or(|money| money.amount <= 0) => {
                Verdict::declined(DeclineCode::InvalidAmount)
            }
            Behaviour::Decline(code) => Verdict::declined(code),
            Behaviour::Challenge => Verdict::open(Status::RequiresAction, now.after(self.spans.action)),
            Behaviour::PendingSucceeds | Behaviour::PendingFails => {
                Verdict::open(Status::Pending, now.after(self.spans.pending))
            }
            _ => Verdict::success(command.capture_later),
        }
    }
}

