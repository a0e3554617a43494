//! Finishes what nobody else does: every attempt whose outcome is not known is asked for until it is.
//!
//! Unknown never becomes failed by time alone. An attempt that the gateway has no trace of is first made impossible there, or,
//! where a gateway can't do that, must be seen to be absent until nothing of it can still be on its way. Whoever looks may have
//! another clock than whoever sent it, so that time counts from the first look on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Shop;
use super::changes::Changes;
use super::records::decode;
use super::seen::{Seen, Verdict};
use super::settle::{Open, pause};
use crate::error::{Error, Result};
use crate::id::AttemptId;
use crate::payment::attempt::{Absence, AttemptState, Effect};
use crate::payment::{Attempt, NextAction};
use crate::port::gateway::{Finding, GatewayError, Outcome};
use crate::port::store::{Horizon, Record};
use crate::time::Timestamp;

/// How many attempts one round looks at.
const ROUND: u32 = 256;

/// How many of them at once.
const AT_ONCE: usize = 16;

/// How much later an attempt comes up again that could not be looked at.
const POSTPONED: Duration = Duration::from_secs(60);

/// How soon a read may have its order's attempt asked for again.
const NUDGE_SPACING: Duration = Duration::from_secs(1);

/// How long operation ids are kept: no commit can be on its way that long.
const OPERATIONS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long answers to idempotency keys are kept.
const KEYS_KEPT: Duration = Duration::from_secs(72 * 3600);

/// Attempts that somebody asked about, and settled ones of which there is news that could not be written.
#[derive(Debug, Default)]
pub(super) struct Nudges {
    asked: Mutex<BTreeSet<AttemptId>>,
    doubted: Mutex<BTreeSet<AttemptId>>,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Attempts looked at.
    pub looked: usize,
    /// Of these, attempts whose outcome is now known.
    pub settled: usize,
    /// Of these, attempts that could not be looked at: storage or gateway trouble.
    pub failed: usize,
}

impl Shop {
    /// Has the janitor look at an attempt soon.
    pub(super) fn nudge(&self, attempt: AttemptId) {
        note(&self.nudged.asked, attempt);
    }

    /// Has the janitor ask again what became of an attempt that was settled.
    pub(super) fn doubt(&self, attempt: AttemptId) {
        note(&self.nudged.doubted, attempt);
    }

    /// Looks once at every attempt that is due or was asked about.
    pub async fn janitor_round(&self) -> Result<Round> {
        let now = self.now();
        let mut due: Vec<Attempt> = self.due(now).await?;
        due.extend(self.asked_about(now, &due).await?);
        let round = self.settle_all(due, false).await?;
        for id in taken(&self.nudged.doubted) {
            if let Err(error) = self.resolve_doubt(id).await {
                tracing::warn!(attempt = %id, ?error, "could not ask again what became of it");
                self.doubt(id);
            }
        }
        Ok(round)
    }

    /// What is still open is asked for by its schedule.
    async fn resolve_doubt(&self, id: AttemptId) -> Result<()> {
        if self.load::<Attempt>(id.0).await?.state.is_final() {
            self.ask_again(id, None).await?;
        }
        Ok(())
    }

    /// Takes over every attempt that another process of this store left open: it was the only one, and it is gone. Does nothing
    /// where other nodes may be alive.
    pub async fn adopt_orphans(&self) -> Result<Round> {
        if !self.store.exclusive() {
            return Ok(Round::default());
        }
        let mut all = Round::default();
        loop {
            let mut orphans: Vec<Attempt> = self.due(Timestamp(i64::MAX)).await?;
            let full = orphans.len() == ROUND as usize;
            orphans.retain(|attempt| attempt.owner != self.node);
            let round = self.settle_all(orphans, true).await?;
            all.looked += round.looked;
            all.settled += round.settled;
            all.failed += round.failed;
            // What is settled makes room for the next ones; what is not comes up by its schedule.
            if !full || round.settled == 0 {
                return Ok(all);
            }
        }
    }

    /// Drops operation ids and idempotency keys that nobody can need any more; returns how many.
    pub async fn purge(&self) -> Result<u64> {
        let now = self.now();
        let (operations, keys) = (now.before(OPERATIONS_KEPT), now.before(KEYS_KEPT));
        Ok(self.store.purge(&Horizon { operations, keys, events: None }).await?)
    }

    /// One that can't be read is left to others: a node of a later digota may have written it, and what can be read is settled.
    async fn due(&self, now: Timestamp) -> Result<Vec<Attempt>> {
        let due = self.store.due(now, ROUND).await?;
        let readable = |record: &Record| {
            decode(record).inspect_err(|error| tracing::warn!(?error, "could not look after a payment")).ok()
        };
        Ok(due.iter().filter_map(readable).collect())
    }

    /// Open attempts that readers asked about, not looked at within the last moment and not being worked on.
    async fn asked_about(&self, now: Timestamp, due: &[Attempt]) -> Result<Vec<Attempt>> {
        let ids: Vec<_> = taken(&self.nudged.asked)
            .into_iter()
            .filter(|id| due.iter().all(|a| a.id != *id))
            .map(|id| id.0)
            .collect();
        let found = self.find_all::<Attempt>(&ids).await?;
        let ready = |attempt: &Attempt| {
            !attempt.state.is_final()
                && attempt.lease_until <= now
                && now.since(attempt.updated) >= NUDGE_SPACING
        };
        Ok(found.into_iter().flatten().filter(ready).collect())
    }

    async fn settle_all(&self, attempts: Vec<Attempt>, orphaned: bool) -> Result<Round> {
        let mut round = Round { looked: attempts.len(), ..Round::default() };
        for few in attempts.chunks(AT_ONCE) {
            let settling = few.iter().map(|attempt| self.settle(attempt.id, orphaned));
            for (attempt, settled) in few.iter().zip(futures_util::future::join_all(settling).await) {
                match settled {
                    Ok(true) => round.settled += 1,
                    Ok(false) => {}
                    Err(error) => {
                        round.failed += 1;
                        self.postpone(attempt.id).await;
                        tracing::warn!(attempt = %attempt.id, charge = %attempt.charge, ?error, "could not settle");
                    }
                }
            }
        }
        Ok(round)
    }

    /// Looks at one attempt. Returns whether its outcome is now known.
    async fn settle(&self, id: AttemptId, orphaned: bool) -> Result<bool> {
        let open = self.open(id).await?;
        if open.attempt.state.is_final() {
            return Ok(true);
        }
        if !orphaned && open.attempt.lease_until > self.now() {
            return Ok(false);
        }
        // The schedule of an orphan starts anew: how often its node died says nothing about the gateway.
        let anew = |attempt: &mut Attempt| attempt.checks = if orphaned { 0 } else { attempt.checks };
        let lease_end = self.lease_end(open.attempt.provider)?;
        let Some(open) = self.take_over(open, lease_end, anew).await? else { return Ok(false) };
        let seen = self.investigate(&open).await?;
        let open = self.conclude(open, seen).await?;
        if open.attempt.state.is_final() {
            tracing::info!(attempt = %id, charge = %open.charge.id, state = ?open.attempt.state, "settled");
        }
        Ok(open.attempt.state.is_final())
    }

    /// Lets the others go first where an attempt can't be looked at: one that never can must not stand before all others.
    async fn postpone(&self, id: AttemptId) {
        let Ok(Some(was)) = self.find::<Attempt>(id.0).await else { return };
        let mut attempt = was.clone();
        attempt.next_check = self.now().after(POSTPONED);
        let mut changes = Changes::new(self);
        if was.state.is_final() || changes.replace(&was, &mut attempt, "").is_err() {
            return;
        }
        if let Err(error) = changes.commit().await {
            tracing::warn!(attempt = %id, ?error, "could not postpone");
        }
    }

    /// Leases an attempt to this node, with a change of it; `None` if another node was first.
    pub(super) async fn take_over(
        &self,
        was: Box<Open>,
        lease_end: Timestamp,
        change: impl FnOnce(&mut Attempt),
    ) -> Result<Option<Box<Open>>> {
        let mut open = was.clone();
        change(&mut open.attempt);
        open.attempt.owner = self.node;
        open.attempt.lease_until = lease_end;
        let mut changes = Changes::new(self);
        changes.replace(&was.attempt, &mut open.attempt, "")?;
        match changes.commit().await.map_err(Error::from) {
            Ok(_) => Ok(Some(open)),
            Err(Error::Stale { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks the gateway what became of an attempt.
    pub(super) async fn investigate(&self, open: &Open) -> Result<Seen> {
        let attempt = &open.attempt;
        let gateway = self.gateway(attempt.provider)?;
        let answer = match gateway.find(&Self::lookup(attempt)).await {
            Ok(Finding::Found(answer)) => answer,
            Ok(Finding::Absent) => return self.absent(open).await,
            Err(error) => return Ok(Verdict::Unasked(error.to_string()).into()),
        };
        match &answer.outcome {
            Outcome::RequiresAction(action) if gateway.capabilities().cancel && self.too_late(action) => {
                self.make_impossible(attempt).await
            }
            _ => Ok(Seen::of(attempt, Ok(answer))),
        }
    }

    /// The gateway has no trace of an attempt: make sure that it stays so.
    async fn absent(&self, open: &Open) -> Result<Seen> {
        let attempt = &open.attempt;
        let capabilities = self.gateway(attempt.provider)?.capabilities();
        if attempt.is_sent_until_answered() {
            return Ok(self.send_again(open).await);
        }
        if capabilities.cancel {
            return self.make_impossible(attempt).await;
        }
        let needed = capabilities.total_limit + capabilities.settle_time;
        let absence = Absence::seen(attempt.absence, self.now(), pause(attempt.checks), needed);
        if absence.lasted() >= needed {
            return Ok(Verdict::NotExecuted("the gateway never saw it".into()).into());
        }
        Ok(Verdict::Absent(absence).into())
    }

    /// Sends a void, or what gives back, again by the same key: that a void was canceled could not be told from its success, and
    /// what gives back must not fail because nobody was there.
    async fn send_again(&self, open: &Open) -> Seen {
        match self.send(open).await {
            Err(error @ (GatewayError::NotExecuted { .. } | GatewayError::Configuration(_)))
                if matches!(open.attempt.effect, Effect::GiveBack { .. }) =>
            {
                Verdict::Unasked(error.to_string()).into()
            }
            answer => Seen::of(&open.attempt, answer),
        }
    }

    /// Makes sure that an attempt can't succeed any more. Only an answer says so: where the gateway could not be asked, what was
    /// known before still holds.
    pub(super) async fn make_impossible(&self, attempt: &Attempt) -> Result<Seen> {
        let gateway = self.gateway(attempt.provider)?;
        let late = attempt.state == AttemptState::RequiresAction;
        Ok(match gateway.cancel(&Self::lookup(attempt)).await {
            Err(error @ (GatewayError::NotExecuted { .. } | GatewayError::Configuration(_))) => {
                Verdict::Unasked(error.to_string()).into()
            }
            answer => match Seen::of(attempt, answer) {
                Seen { verdict: Verdict::NotExecuted(_), .. } if late => Seen::authentication_required(),
                seen => seen,
            },
        })
    }

    fn too_late(&self, action: &NextAction) -> bool {
        action.expires <= self.now()
    }
}

fn note(attempts: &Mutex<BTreeSet<AttemptId>>, attempt: AttemptId) {
    attempts.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
}

fn taken(attempts: &Mutex<BTreeSet<AttemptId>>) -> BTreeSet<AttemptId> {
    std::mem::take(&mut *attempts.lock().unwrap_or_else(PoisonError::into_inner))
}
