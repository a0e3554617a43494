//! Reading a store through its port.

use std::collections::{BTreeMap, BTreeSet};

use digota_core::port::Store;
use digota_core::port::store::{KeyScope, Kind, Order, Query, StoreError};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::{Books, Event, Key, Movement, MovementKind, Noun, Scope, Stock};

/// How much is asked for at once.
const PAGE: u32 = 1000;

/// How often records are read again that changed while others were read.
const ROUNDS: usize = 8;

/// What a store's port can't list, from whoever knows it: a test that owns the store, or saw every commit.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Ids that an attempt may have.
    pub attempts: BTreeSet<Uuid>,
    /// Keys that may have been claimed.
    pub keys: BTreeSet<KeyScope>,
    /// Whether these are all there can be.
    pub whole: bool,
}

/// Why books can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it holds makes no sense.
    #[error("a record can't be understood: {0}")]
    Unreadable(String),
}

impl Books {
    /// Reads a store. It may be in use: products, SKUs, orders and charges are then as of about one event, each stock as of one
    /// movement.
    ///
    /// # Errors
    /// [`ReadError`] where the store does not answer or holds what makes no sense.
    pub async fn read(store: &dyn Store, known: &Known) -> Result<Books, ReadError> {
        let mut books = Books { whole: known.whole, ..Books::default() };
        for noun in Noun::TOLD {
            books.read_all(store, noun).await?;
        }
        books.read_events(store).await?;
        for _ in 0..ROUNDS {
            if !books.catch_up(store).await? {
                break;
            }
            books.read_events(store).await?;
        }
        books.read_stock(store).await?;
        books.read_attempts(store, known).await?;
        books.read_keys(store, known).await?;
        Ok(books)
    }

    async fn read_all(&mut self, store: &dyn Store, noun: Noun) -> Result<(), ReadError> {
        let order = Order { by_updated: false, descending: false };
        let mut query =
            Query { kind: kind(noun), conditions: Vec::new(), order, after: None, offset: 0, limit: PAGE };
        loop {
            let page = store.list(&query).await?;
            for record in page.records {
                self.add(noun, record.id, &record.body)?;
            }
            let Some(next) = page.next else { return Ok(()) };
            query.after = Some(next);
        }
    }

    async fn read_events(&mut self, store: &dyn Store) -> Result<(), ReadError> {
        loop {
            let after = self.events.last().map_or(0, |event| event.position.cast_unsigned());
            let page = store.events(after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            for (position, event) in page {
                self.events.push(Event {
                    position: number(position)?,
                    id: event.id,
                    name: event.name,
                    kind: event.kind.name().to_owned(),
                    object: event.object,
                    version: number(event.version)?,
                    at: event.at.0,
                    body: event.body,
                });
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads again whatever is not at the version that its last event tells. Returns whether there was any.
    async fn catch_up(&mut self, store: &dyn Store) -> Result<bool, ReadError> {
        let mut told = BTreeMap::new();
        for event in &self.events {
            if let Some(noun) = Noun::named(&event.kind) {
                let there = (!event.is_deletion()).then_some(event.version);
                told.insert((noun, event.object), there);
            }
        }
        let mut late: BTreeMap<Noun, Vec<Uuid>> = BTreeMap::new();
        for ((noun, id), version) in told {
            if self.version(noun, id) != version {
                late.entry(noun).or_default().push(id);
            }
        }
        for (noun, ids) in &late {
            self.read_some(store, *noun, ids).await?;
        }
        Ok(!late.is_empty())
    }

    /// Reads records by their ids; one that is gone is forgotten.
    async fn read_some(&mut self, store: &dyn Store, noun: Noun, ids: &[Uuid]) -> Result<(), ReadError> {
        for ids in ids.chunks(PAGE as usize) {
            for (id, record) in ids.iter().zip(store.get(kind(noun), ids).await?) {
                match record {
                    Some(record) => self.add(noun, *id, &record.body)?,
                    None => self.forget(noun, *id),
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, noun: Noun, id: Uuid) {
        match noun {
            Noun::Product => drop(self.products.remove(&id)),
            Noun::Sku => drop(self.skus.remove(&id)),
            Noun::Order => drop(self.orders.remove(&id)),
            Noun::Charge => drop(self.charges.remove(&id)),
            Noun::Attempt => drop(self.attempts.remove(&id)),
        }
    }

    /// The stock of every SKU that there is or was, each with the movements that made it so.
    async fn read_stock(&mut self, store: &dyn Store) -> Result<(), ReadError> {
        let sold = self.orders.values().flat_map(super::Order::goods).map(|(sku, _)| sku);
        let told = self.events.iter().filter(|event| event.kind == "sku").map(|event| event.object);
        let ids: BTreeSet<Uuid> = self.skus.keys().copied().chain(sold).chain(told).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        for ids in ids.chunks(PAGE as usize) {
            for (sku, stock) in ids.iter().zip(store.stock(ids).await?) {
                let Some(stock) = stock else { continue };
                let version = number(stock.version)?;
                self.stock.insert(*sku, Stock { on_hand: stock.on_hand, reserved: stock.reserved, version });
                let movements = movements(store, *sku, stock.version).await?;
                self.movements.insert(*sku, movements);
            }
        }
        Ok(())
    }

    async fn read_attempts(&mut self, store: &dyn Store, known: &Known) -> Result<(), ReadError> {
        let mut ids = known.attempts.clone();
        ids.extend(store.due(Timestamp(i64::MAX), u32::MAX).await?.into_iter().map(|record| record.id));
        ids.extend(self.movements.values().flatten().filter_map(|movement| movement.reference));
        ids.extend(self.orders.values().filter_map(|order| order.open_attempt));
        ids.extend(self.charges.values().filter_map(|charge| charge.open_attempt));
        let ids: Vec<Uuid> = ids.into_iter().collect();
        self.read_some(store, Noun::Attempt, &ids).await
    }

    async fn read_keys(&mut self, store: &dyn Store, known: &Known) -> Result<(), ReadError> {
        let mut scopes = known.keys.clone();
        scopes.extend(
            self.attempts.values().filter_map(|attempt| attempt.client_key.clone()).map(KeyScope::from),
        );
        for scope in scopes {
            let Some(entry) = store.key(&scope).await? else { continue };
            let answer = entry.answer.as_deref().map(super::parse).transpose()?;
            let KeyScope { principal, method, key } = scope;
            let scope = Scope { principal, method, key };
            self.keys.push(Key { scope, fingerprint: entry.fingerprint, attempt: entry.attempt, answer });
        }
        Ok(())
    }
}

/// The movements of a SKU up to a number.
async fn movements(store: &dyn Store, sku: Uuid, last: u64) -> Result<Vec<Movement>, ReadError> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = store.movements(sku, after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        for (number, movement) in page {
            after = number;
            if number > last {
                return Ok(all);
            }
            let kind = MovementKind::from_number(movement.kind.number().into())
                .ok_or_else(|| ReadError::Unreadable(format!("{:?}", movement.kind)))?;
            let (on_hand, reserved, reference) = (movement.on_hand, movement.reserved, movement.reference);
            all.push(Movement { number: self::number(number)?, kind, on_hand, reserved, reference });
        }
        if is_last {
            return Ok(all);
        }
    }
}

fn kind(noun: Noun) -> Kind {
    match noun {
        Noun::Product => Kind::Product,
        Noun::Sku => Kind::Sku,
        Noun::Order => Kind::Order,
        Noun::Charge => Kind::Charge,
        Noun::Attempt => Kind::Attempt,
    }
}

fn number(number: u64) -> Result<i64, ReadError> {
    i64::try_from(number).map_err(|_| ReadError::Unreadable(format!("{number} is beyond 64 bits")))
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> KeyScope {
        KeyScope { principal: scope.principal, method: scope.method, key: scope.key }
    }
}
