//! The operator's desk: payments that nobody could settle or that ended oddly, and what a person says of them.
//!
//! A person's word counts where the gateway says nothing. Where it says the opposite, the gateway counts.

use std::time::Duration;

use super::Shop;
use super::changes::Changes;
use super::keys::insist;
use super::records::decode;
use super::seen::{Seen, Verdict as Heard};
use super::settle::Open;
use crate::error::{Error, Reason, Refused, Result, in_progress};
use crate::id::AttemptId;
use crate::order::OrderStatus;
use crate::page::Request;
use crate::payment::Attempt;
use crate::payment::attempt::{Remark, Verdict};
use crate::port::gateway::{Finding, Op};
use crate::port::store::{CommitError, Concern, Condition, Kind};
use crate::text::{LINE_MAX, Violations, valid};
use crate::time::Timestamp;

/// Which attempts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every one that is not settled.
    Open,
    /// Of these, those of which nobody knows whether the gateway acted.
    Unknown,
    /// Settled ones that a person should look at.
    Review,
}

impl View {
    fn condition(self) -> Condition {
        match self {
            View::Open => Condition::Open,
            View::Unknown => Condition::Concern(Concern::Unknown),
            View::Review => Condition::Concern(Concern::Review),
        }
    }
}

/// What a person wants done about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// Which one.
    pub attempt: AttemptId,
    /// What.
    pub verdict: Verdict,
    /// The gateway's own id of what it did; needed to say that it succeeded.
    pub reference: String,
    /// How they know; needed for everything but asking the gateway.
    pub note: String,
    /// Who: the caller's name in the whitelist.
    pub by: String,
    /// The version that they insist on; 0 for any.
    pub expected_version: u64,
}

/// What the store holds, and what needs attention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Products.
    pub products: u64,
    /// SKUs.
    pub skus: u64,
    /// Orders in each status.
    pub orders: Vec<(OrderStatus, u64)>,
    /// Charges.
    pub charges: u64,
    /// The position of the last event.
    pub events: u64,
    /// Attempts that are not settled, as far as they were counted.
    pub open: u64,
    /// Of these, attempts of unknown outcome.
    pub unknown: u64,
    /// When the oldest of those was begun.
    pub oldest_unknown: Option<Timestamp>,
    /// Attempts that a person should look at.
    pub review: u64,
}

impl Shop {
    /// A page of attempts, oldest first, and the cursor of the next one; empty where nothing follows.
    pub async fn payments(&self, view: View, limit: i64, cursor: &str) -> Result<(Vec<Attempt>, String)> {
        let request = Request {
            limit,
            cursor: cursor.into(),
            conditions: vec![view.condition()],
            ..Request::default()
        };
        let page = self.store.list(&request.query(Kind::Attempt)?).await?;
        let next = request.cursor(Kind::Attempt, &page);
        Ok((page.records.iter().map(decode).collect::<Result<_>>()?, next))
    }

    /// One attempt.
    pub async fn payment(&self, id: AttemptId) -> Result<Attempt> {
        self.load(id.0).await
    }

    /// What there is, from counters.
    pub async fn stats(&self) -> Result<Stats> {
        let mut orders = Vec::new();
        for status in OrderStatus::ALL {
            orders.push((status, self.total(Kind::Order, &[Condition::Status(status.number())]).await?));
        }
        let oldest = self.payments(View::Unknown, 1, "").await?.0;
        Ok(Stats {
            products: self.total(Kind::Product, &[]).await?,
            skus: self.total(Kind::Sku, &[]).await?,
            orders,
            charges: self.total(Kind::Charge, &[]).await?,
            events: self.last_event().await?,
            open: self.total(Kind::Attempt, &[View::Open.condition()]).await?,
            unknown: self.total(Kind::Attempt, &[View::Unknown.condition()]).await?,
            oldest_unknown: oldest.first().map(|attempt| attempt.created),
            review: self.total(Kind::Attempt, &[View::Review.condition()]).await?,
        })
    }

    async fn total(&self, kind: Kind, conditions: &[Condition]) -> Result<u64> {
        Ok(self.store.count(kind, conditions).await?.count)
    }

    /// Settles an attempt, or takes it off the review list, and returns it as it is then.
    ///
    /// # Errors
    /// [`Error::Refused`] where its state or the gateway speaks against it; [`Error::Busy`] while somebody else is at it;
    /// [`Error::Unavailable`] where the gateway was to be asked and does not answer.
    pub async fn settle_payment(&self, settle: &Settle) -> Result<Attempt> {
        valid(|all| settle.check(all))?;
        let open = self.open(settle.attempt).await?;
        insist(&open.attempt, settle.expected_version)?;
        match (open.attempt.state.is_final(), settle.verdict) {
            (false, Verdict::Reviewed) => Err(in_progress()),
            (false, _) => self.settle_open(open, settle).await,
            (true, Verdict::AskGateway) => self.ask_again(settle.attempt, Some(settle)).await,
            (true, Verdict::Reviewed) => self.reviewed(open, settle).await,
            (true, _) => Err(settled_already(&open.attempt)),
        }
    }

    /// Settles an attempt that is open, whenever it is due.
    async fn settle_open(&self, open: Box<Open>, settle: &Settle) -> Result<Attempt> {
        let now = self.now();
        if open.attempt.lease_until > now {
            return Err(busy(open.attempt.lease_until.since(now)));
        }
        // Also where its provider is not configured any more.
        let slack = self.policy.lease_slack;
        let lease_end = self.lease_end(open.attempt.provider).unwrap_or_else(|_| now.after(slack));
        let remark = settle.remark(now);
        let note = |attempt: &mut Attempt| attempt.add(remark.clone());
        let open = self.take_over(open, lease_end, note).await?.ok_or_else(|| busy(slack))?;
        let judged = match settle.verdict {
            Verdict::Succeeded => self.confirmed(&open, settle).await,
            Verdict::Failed => self.denied(&open, settle).await,
            Verdict::AskGateway | Verdict::Reviewed => self.investigate(&open).await,
        };
        let (seen, refused) = match judged {
            Ok(seen) => (seen, None),
            // It waits on as before, and the lease is given back.
            Err(error) => (Heard::Unasked(open.attempt.evidence.clone()).into(), Some(error)),
        };
        let silent = match &seen.verdict {
            Heard::Unasked(cause) => Some(unanswered(cause)),
            _ => None,
        };
        let open = self.conclude(open, Seen { remark: Some(remark), ..seen }).await?;
        refused.or(silent).map_or(Ok(open.attempt), Err)
    }

    /// A person says that it happened.
    async fn confirmed(&self, open: &Open, settle: &Settle) -> Result<Seen> {
        let attempt = &open.attempt;
        let word = Seen { reference: Some(settle.reference.clone()), ..Heard::Succeeded.into() };
        let Some(Finding::Found(answer)) = self.look_up(attempt).await else { return Ok(word) };
        let seen = Seen::of(attempt, Ok(answer));
        match seen.verdict {
            Heard::Succeeded => Ok(seen),
            Heard::Authorized if open.may_be_held() => Ok(seen),
            other => Err(contradicted(&other)),
        }
    }

    /// A person says that it did not happen and can't any more. Where that can be made sure, it is.
    async fn denied(&self, open: &Open, settle: &Settle) -> Result<Seen> {
        let attempt = &open.attempt;
        let word = || Seen::from(Heard::NotExecuted(format!("{} says so: {}", settle.by, settle.note)));
        let seen = match self.look_up(attempt).await {
            None => return Ok(word()),
            Some(Finding::Absent) => None,
            Some(Finding::Found(answer)) => Some(Seen::of(attempt, Ok(answer))),
        };
        let waits = |seen: &Seen| matches!(seen.verdict, Heard::Pending | Heard::RequiresAction(_));
        let can_cancel = attempt.op != Op::Void && self.gateway(attempt.provider)?.capabilities().cancel;
        let seen = match can_cancel && seen.as_ref().is_none_or(waits) {
            true => Some(self.make_impossible(attempt).await?),
            false => seen,
        };
        let Some(seen) = seen else { return Ok(word()) };
        match seen.verdict {
            Heard::NotExecuted(_) | Heard::Declined(_) => Ok(seen),
            // It moved another amount: what became of that only a person can say.
            Heard::Unasked(_) | Heard::Unknown(_) => Ok(word()),
            other => Err(contradicted(&other)),
        }
    }

    /// What the gateway says, if it can be asked.
    async fn look_up(&self, attempt: &Attempt) -> Option<Finding> {
        self.gateway(attempt.provider).ok()?.find(&Self::lookup(attempt)).await.ok()
    }

    /// Asks the gateway what became of an attempt that is settled, and acts on what is new.
    pub(super) async fn ask_again(&self, id: AttemptId, settle: Option<&Settle>) -> Result<Attempt> {
        let mut open = self.open(id).await?;
        if let Some(settle) = settle {
            open = self.remarked(open, settle.remark(self.now()), |_| ()).await?;
        }
        let gateway = self.gateway(open.attempt.provider)?;
        let seen = match gateway.find(&Self::lookup(&open.attempt)).await {
            Ok(Finding::Found(answer)) => Seen::of(&open.attempt, Ok(answer)),
            Ok(Finding::Absent) => return Ok(open.attempt),
            Err(error) => return Err(unanswered(&error.to_string())),
        };
        Ok(self.late(open, &seen, true).await?.attempt)
    }

    /// Takes an attempt off the review list. Its charge has an event of it.
    async fn reviewed(&self, was: Box<Open>, settle: &Settle) -> Result<Attempt> {
        if !was.attempt.review {
            return Err(Error::refused(Reason::NotInReview, "this payment is not on the review list"));
        }
        Ok(self.remarked(was, settle.remark(self.now()), |attempt| attempt.review = false).await?.attempt)
    }

    /// Keeps a remark on a settled attempt.
    async fn remarked(
        &self,
        was: Box<Open>,
        remark: Remark,
        change: impl FnOnce(&mut Attempt),
    ) -> Result<Box<Open>> {
        let mut open = was.clone();
        open.attempt.add(remark.clone());
        change(&mut open.attempt);
        let mut changes = Changes::new(self);
        changes.replace(&was.attempt, &mut open.attempt, "")?;
        if open.attempt.review != was.attempt.review {
            changes.replace(&was.charge, &mut open.charge, "charge.reviewed")?;
            changes.sign(&remark);
        }
        match changes.commit().await {
            Ok(_) => Ok(open),
            Err(CommitError::Refused(_)) => Err(busy(Duration::from_secs(1))),
            Err(error) => Err(error.into()),
        }
    }
}

impl Settle {
    /// Notes what is wrong with it.
    pub fn check(&self, all: &mut Violations) {
        all.line("note", &self.note, LINE_MAX);
        let said = self.verdict == Verdict::AskGateway || !self.note.trim().is_empty();
        all.check(said, "note", "is required: who says so, and how they know");
        all.line("provider_reference", &self.reference, LINE_MAX);
        let named = self.verdict != Verdict::Succeeded || !self.reference.trim().is_empty();
        all.check(named, "provider_reference", "is required: the gateway's own id of what it did");
    }

    fn remark(&self, at: Timestamp) -> Remark {
        let reference = Some(self.reference.clone()).filter(|reference| !reference.is_empty());
        Remark { by: self.by.clone(), at, verdict: self.verdict, note: self.note.clone(), reference }
    }
}

impl Attempt {
    /// Adds a remark. Who asks the gateway again and again leaves one trace, not many.
    fn add(&mut self, remark: Remark) {
        let same = |last: &Remark| {
            last.verdict == Verdict::AskGateway
                && remark.verdict == Verdict::AskGateway
                && last.by == remark.by
        };
        if self.remarks.last().is_some_and(same) {
            self.remarks.pop();
        }
        self.remarks.push(remark);
    }
}

fn busy(retry_after: Duration) -> Error {
    Error::Busy { what: "the payment".into(), retry_after }
}

fn unanswered(cause: &str) -> Error {
    Error::Unavailable {
        what: "the payment gateway".into(),
        retry_after: Duration::from_secs(5),
        cause: cause.into(),
    }
}

fn settled_already(attempt: &Attempt) -> Error {
    let state = format!("{:?}", attempt.state).to_lowercase();
    Error::Refused(Refused {
        reason: Reason::PaymentSettled,
        message: format!(
            "the payment is settled already: it is {state}; have the gateway asked if you doubt that"
        ),
        facts: vec![("state".into(), state)],
    })
}

fn contradicted(heard: &Heard) -> Error {
    let says = match heard {
        Heard::Succeeded => "it happened",
        Heard::Authorized => "it holds the money",
        Heard::Declined(_) | Heard::NotExecuted(_) => "it did not happen",
        Heard::RequiresAction(_) => "the buyer has to act first",
        Heard::Pending => "it is under way",
        Heard::Unknown(evidence) | Heard::Unasked(evidence) => evidence,
        Heard::Absent(_) => "it knows nothing of it",
    };
    Error::Refused(Refused {
        reason: Reason::GatewayDisagrees,
        message: format!("the gateway states otherwise: {says}"),
        facts: vec![("gateway".into(), says.into())],
    })
}
