//! Evidence from the fakes of `digota_core::testing`: a store in memory, a gateway that does what a script says.

use digota_core::payment::{ChargeStatus, NextAction};
use digota_core::port::Store;
use digota_core::port::gateway::Outcome as Answer;
use digota_core::port::store::Kind;
use digota_core::shop::Paid;
use digota_core::testing::gateway::ScriptedGateway;
use digota_core::testing::store::MemoryStore;
use digota_core::{Error, order::Order, payment::Charge};
use digota_verify::books::{Event, Scope};
use digota_verify::{Books, Known, ReadError};

use crate::history::{Outcome, Seen};
use crate::journal::Entry;

/// Everything that a store in memory holds. `through` is what is read: the same store, or what wraps it.
///
/// # Errors
/// [`ReadError`] where `through` does not answer or holds what makes no sense.
pub async fn books(store: &MemoryStore, through: &dyn Store) -> Result<Books, ReadError> {
    Books::read(through, &known(store)).await
}

/// What of a store in memory can't be listed through its port.
pub fn known(store: &MemoryStore) -> Known {
    Known { attempts: store.ids(Kind::Attempt), keys: store.claimed(), whole: true }
}

/// The gateway's own record.
pub fn journal(gateway: &ScriptedGateway) -> Vec<Entry> {
    let entry = |(seq, line): (u64, digota_core::testing::gateway::Line)| Entry {
        seq,
        at: line.at.0,
        attempt: line.attempt,
        charge: line.charge,
        status: status(&line.outcome).to_owned(),
        currency: line.currency.map(|currency| currency.code().to_owned()),
        moved: line.moved,
        key: line.key,
        statement: line.statement,
    };
    (1..).zip(gateway.record()).map(entry).collect()
}

fn status(outcome: &Answer) -> &'static str {
    match outcome {
        Answer::Succeeded => "succeeded",
        Answer::Authorized => "authorized",
        Answer::Declined(_) => "declined",
        Answer::RequiresAction(NextAction { .. }) => "requires_action",
        Answer::Pending => "pending",
        Answer::Canceled => "canceled",
    }
}

/// An event as a follower saw it.
pub fn event(position: u64, event: &digota_core::event::Event) -> Event {
    Event {
        position: position.cast_signed(),
        id: event.id,
        name: event.name.clone(),
        kind: event.kind.name().to_owned(),
        object: event.object,
        version: event.version.cast_signed(),
        at: event.at.0,
        body: event.body.clone(),
    }
}

/// Whose key.
pub fn scope(key: &digota_core::port::store::KeyScope) -> Scope {
    Scope { principal: key.principal.clone(), method: key.method.clone(), key: key.key.clone() }
}

/// What an order says.
pub fn order(order: &Order) -> Seen {
    Seen {
        object: order.id.0,
        status: order.status.name().to_lowercase(),
        charge: order.charge.map(|charge| charge.0),
        refunded: order.refunded,
        version: order.version.cast_signed(),
    }
}

/// What a charge says.
pub fn charge(charge: &Charge) -> Seen {
    Seen {
        object: charge.id.0,
        status: charge.status.name().to_owned(),
        charge: Some(charge.id.0),
        refunded: charge.refunded,
        version: charge.version.cast_signed(),
    }
}

/// What a client that was told this knows.
pub fn outcome<T>(told: &digota_core::Result<T>, seen: impl Fn(&T) -> Seen) -> Outcome {
    match told {
        Ok(value) => Outcome::Done(seen(value)),
        Err(error) => failure(error),
    }
}

/// What a client that was told this of an order knows.
pub fn paid(told: &digota_core::Result<Paid>) -> Outcome {
    match told {
        Ok(Paid { pending: Some(_), .. }) => Outcome::Unknown("pending".into()),
        told => outcome(told, |paid| order(&paid.order)),
    }
}

/// What a client that was told this of a charge knows.
pub fn charged(told: &digota_core::Result<Charge>) -> Outcome {
    let under_way = |charge: &Charge| {
        matches!(charge.status, ChargeStatus::Pending | ChargeStatus::RequiresAction)
            || charge.open_attempt.is_some()
    };
    match told {
        Ok(charge) if under_way(charge) => Outcome::Unknown("pending".into()),
        told => outcome(told, charge),
    }
}

/// What a client that got this error knows.
pub fn failure(error: &Error) -> Outcome {
    match error {
        Error::Declined(decline) => Outcome::Declined(decline.code.text().to_owned()),
        Error::Refused(refused) => Outcome::Refused(refused.reason.text().to_owned()),
        Error::Invalid(_) => Outcome::Refused("INVALID".into()),
        Error::NotFound { .. } => Outcome::Refused("NOT_FOUND".into()),
        Error::Stale { .. } => Outcome::Refused("STALE".into()),
        Error::KeyReused => Outcome::Refused("IDEMPOTENCY_KEY_REUSED".into()),
        Error::Exists { .. } => Outcome::Refused("EXISTS".into()),
        other => Outcome::Unknown(format!("{other:?}")),
    }
}
