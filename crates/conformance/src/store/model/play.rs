//! A store and the model are asked the same, one after the other, and must say the same.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{
    CommitError, Committed, Concern, Condition, Horizon, Kind, Order, Query, Refusal, Total,
};
use digota_core::stock::Stock;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::super::Bed;
use super::super::drive::{NATURAL, ORDERS};
use super::command::{Command, KEYS, Put};
use super::resolve::{Maker, at, scope};
use super::state::Model;

/// The kinds that can be listed.
const LISTED: [Kind; 4] = [Kind::Product, Kind::Sku, Kind::Order, Kind::Charge];

/// Plays a sequence; says where store and model part.
pub(super) async fn play(bed: &Bed, commands: &[Command]) -> Result<(), String> {
    let mut game = Game { store: Some(bed.open().await), model: Model::default(), maker: Maker::default() };
    for (number, command) in (1..).zip(commands) {
        let went = game.ask(bed, command).await;
        went.map_err(|how| format!("after {number} of these, {command:?}: {how}"))?;
    }
    game.compare_all().await.map_err(|how| format!("at the end: {how}"))
}

struct Game {
    /// `None` only while it is closed.
    store: Option<Arc<dyn Store>>,
    model: Model,
    maker: Maker,
}

type Went = Result<(), String>;

/// That both say the same.
fn same<T: PartialEq + Debug>(what: &str, store: Result<T, impl Debug>, model: &T) -> Went {
    match store {
        Ok(told) if told == *model => Ok(()),
        told => Err(format!("{what}: the store says {told:?}, the model says {model:?}")),
    }
}

impl Game {
    fn store(&self) -> &Arc<dyn Store> {
        self.store.as_ref().expect("a game is played with an open store")
    }

    async fn ask(&mut self, bed: &Bed, command: &Command) -> Went {
        match command {
            Command::Commit { writes, operation } => self.commit(writes, *operation).await,
            Command::Resolve(which) => {
                let known = which.and_then(|which| self.model.operation(which));
                let operation = known.unwrap_or_else(|| self.maker.id());
                let told = self.store().resolve(operation).await;
                same("the operation", told, &self.model.resolve(operation))
            }
            Command::Get(kind) => self.get(*kind).await,
            Command::List { kind, filters, by_updated, descending, offset, limit } => {
                let order = Order { by_updated: *by_updated, descending: *descending };
                let query = self.model.query(*kind, filters, order, (*offset, *limit));
                self.list(query).await
            }
            Command::Count { kind, filters } => {
                let order = Order { by_updated: false, descending: false };
                let query = self.model.query(*kind, filters, order, (0, 1));
                self.count(*kind, &query.conditions).await
            }
            Command::Stock { sku, after, limit } => {
                let sku = self.model.stocked(*sku);
                self.stock(sku, *after, *limit).await
            }
            Command::Key(which) => self.key(*which).await,
            Command::Events { after, limit } => self.events(*after, *limit).await,
            Command::Due { at: moment, limit } => self.due(at(*moment), *limit).await,
            Command::Purge { operations, keys, events } => {
                let (operations, keys, events) = (at(*operations), at(*keys), events.map(at));
                let before = Horizon { operations, keys, events };
                let (told, expected) = (self.store().purge(&before).await, self.model.purge(&before));
                match told {
                    Ok(dropped) if expected.contains(&dropped) => Ok(()),
                    told => Err(format!("the store dropped {told:?}, the model {expected:?}")),
                }
            }
            Command::Reopen if bed.durable => {
                self.store = None;
                self.store = Some(bed.open().await);
                Ok(())
            }
            Command::Reopen => Ok(()),
        }
    }

    async fn commit(&mut self, writes: &[Put], operation: Option<usize>) -> Went {
        let batch = self.maker.batch(&self.model, writes, operation);
        if batch.writes.is_empty() {
            return Ok(());
        }
        let refusals = self.model.refusals(&batch);
        let told = self.store().commit(batch.clone()).await;
        match told {
            Ok(committed) if refusals.is_empty() => {
                let stock = self.model.apply(&batch).into_iter().collect();
                same::<Committed>("the commit", Ok::<_, ()>(sorted(committed)), &Committed { stock })
            }
            Err(CommitError::Refused(refusal)) if is_among(&refusals, refusal.clone()) => Ok(()),
            told => Err(format!("{batch:#?}: the store says {told:?}, the model says {refusals:?}")),
        }
    }

    async fn get(&self, kind: Kind) -> Went {
        let mut ids = self.model.ids(kind);
        ids.push(Uuid::from_u128(7));
        let expected = ids.iter().map(|id| self.model.records.get(&(kind, *id)).cloned()).collect();
        same("the records", self.store().get(kind, &ids).await, &expected)?;
        if kind == Kind::Sku {
            for id in ids {
                let record = self.model.records.get(&(kind, id)).cloned();
                let expected = record.map(|record| (record, self.model.stock(id)));
                same("the SKU with its stock", self.store().stocked(id).await, &expected)?;
            }
        }
        Ok(())
    }

    /// Follows a list to its end.
    async fn list(&self, mut query: Query) -> Went {
        if query.kind == Kind::Attempt && query.conditions.is_empty() {
            let told = self.store().list(&query).await;
            return told.map_or(Ok(()), |page| Err(format!("a list of all attempts: {page:?}")));
        }
        let all = self.model.listed(&query);
        let mut rest: Vec<_> = all.into_iter().skip(query.offset as usize).collect();
        loop {
            let page = self.store().list(&query).await.map_err(|error| format!("{query:?}: {error}"))?;
            let here: Vec<_> = rest.drain(..rest.len().min(query.limit as usize)).collect();
            let next = query.onward(&page);
            same(&format!("{query:?}"), Ok::<_, ()>(page.records), &here)?;
            let follows = format!("whether more follows {query:?}");
            same(&follows, Ok::<_, ()>(next.is_some()), &!rest.is_empty())?;
            let Some(next) = next else { return Ok(()) };
            query = next;
        }
    }

    async fn count(&self, kind: Kind, conditions: &[Condition]) -> Went {
        let met = |record: &&&digota_core::port::store::Record| {
            conditions.iter().all(|condition| record.keys.meet(record.created, condition))
        };
        let count = self.model.of_kind(kind).iter().filter(met).count() as u64;
        let told = self.store().count(kind, conditions).await;
        same(&format!("the number of {kind:?} {conditions:?}"), told, &Total { count, capped: false })
    }

    async fn stock(&self, sku: Uuid, after: u64, limit: u32) -> Went {
        same("the stock", self.store().stock(&[sku]).await, &vec![self.model.stock(sku)])?;
        let ledger = self.model.ledgers.get(&sku).into_iter().flatten().cloned();
        let moved = (1..).zip(ledger).filter(|(number, _)| *number > after).take(limit as usize).collect();
        same("the movements", self.store().movements(sku, after, limit).await, &moved)
    }

    async fn key(&self, which: usize) -> Went {
        let expected = self.model.keys.get(&scope(which)).map(|(_, entry)| entry.clone());
        same("the key", self.store().key(&scope(which)).await, &expected)
    }

    async fn events(&self, after: u64, limit: u32) -> Went {
        let later = self.model.events.iter().filter(|(position, _)| *position > after);
        let expected = later.take(limit as usize).cloned().collect();
        same("the events", self.store().events(after, limit).await, &expected)?;
        same("the last position", self.store().last_position().await, &self.model.last_position)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Went {
        let mut expected = self.model.due(now);
        expected.truncate(limit as usize);
        same("what is due", self.store().due(now, limit).await, &expected)
    }

    /// Everything that can be asked.
    async fn compare_all(&self) -> Went {
        for kind in Kind::ALL {
            self.get(kind).await?;
        }
        for kind in LISTED {
            let query =
                |conditions, order| Query { kind, conditions, order, after: None, offset: 0, limit: 3 };
            for order in ORDERS {
                self.list(query(vec![], order)).await?;
            }
            self.count(kind, &[]).await?;
            let counted: BTreeSet<Condition> =
                self.model.of_kind(kind).into_iter().flat_map(|record| record.keys.counted()).collect();
            for (condition, order) in counted.into_iter().zip(ORDERS.into_iter().cycle()) {
                self.count(kind, std::slice::from_ref(&condition)).await?;
                self.list(query(vec![condition], order)).await?;
            }
        }
        let concerns = Concern::ALL[1..].iter().copied().map(Condition::Concern);
        for condition in concerns.chain([Condition::Open]) {
            let (kind, order, conditions) = (Kind::Attempt, NATURAL, vec![condition]);
            self.count(kind, &conditions).await?;
            self.list(Query { kind, conditions, order, after: None, offset: 0, limit: 3 }).await?;
        }
        for sku in self.model.ledgers.keys() {
            self.stock(*sku, 0, 1000).await?;
        }
        for which in 0..KEYS {
            self.key(which).await?;
        }
        self.events(0, 1000).await?;
        self.due(Timestamp(i64::MAX), 1000).await
    }
}

fn sorted(mut committed: Committed) -> Committed {
    committed.stock.sort_by_key(|(sku, _): &(Uuid, Stock)| *sku);
    committed
}

/// Whether a refusal is one of those that there are.
fn is_among(refusals: &[Refusal], told: Refusal) -> bool {
    let told = match told {
        Refusal::OutOfStock(mut short) => {
            short.sort_by_key(|shortage| shortage.sku);
            Refusal::OutOfStock(short)
        }
        other => other,
    };
    // How many children there would be has no meaning where something else speaks against them too.
    let children = |refusal: &Refusal| matches!(refusal, Refusal::Children { .. });
    let about_children = children(&told) && refusals.len() > 1 && refusals.iter().any(children);
    about_children || refusals.contains(&told)
}
