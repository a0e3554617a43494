//! The first half of a transaction: locks what a group's batches speak of, in an order that is the same on every node, and
//! reads it.

use std::collections::{BTreeMap, BTreeSet};

use digota_core::port::store::{Batch, Condition, KeyScope, Keys, Kind, Write};
use digota_core::stock::{MovementKind, Stock};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::judge::traffic;
use super::session::{Call, Session};
use super::state::{Children, Key, KeyState, Shelf, Slot, State};
use super::table::{keys, table};
use crate::counter::Counter;

/// How it is found out whether what a batch makes is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// By writing it. It hardly ever is, and looking costs as much. Where a unique index says that it is, or something else is
    /// refused, all is done again and looked at first, so that the refusal names what it should.
    Write,
    /// By looking.
    Look,
}

/// What the batches of a group speak of, each thing once and in order.
#[derive(Default)]
struct Needs {
    operations: BTreeSet<Uuid>,
    written: BTreeSet<(Kind, Uuid)>,
    checked: BTreeSet<(Kind, Uuid)>,
    stock: BTreeSet<Uuid>,
    steps: BTreeSet<(Uuid, Uuid, u8)>,
    subjects: BTreeSet<Uuid>,
    keys: BTreeSet<KeyScope>,
    /// Products that must have no SKUs, each with how many SKUs of it the group removes.
    parents: BTreeMap<Uuid, i64>,
}

impl Needs {
    fn of(batches: &[&Batch], first: First) -> Self {
        let mut needs = Self::default();
        for batch in batches {
            batch.writes.iter().for_each(|write| needs.add(write));
            if first == First::Look {
                needs.operations.insert(batch.operation);
                batch.writes.iter().for_each(|write| needs.add_new(write));
            }
        }
        for (parent, going) in &mut needs.parents {
            *going = batches.iter().map(|batch| traffic(batch, *parent).0).sum();
        }
        needs.checked = needs.checked.difference(&needs.written).copied().collect();
        needs
    }

    fn add(&mut self, write: &Write) {
        match write {
            Write::Replace { record, .. } => _ = self.written.insert((record.keys.kind(), record.id)),
            Write::Delete { id, was, .. } => _ = self.written.insert((was.kind(), *id)),
            Write::Check { kind, id, .. } => _ = self.checked.insert((*kind, *id)),
            // Whoever adds a SKU checks its product, and so waits.
            Write::NoChildren(product) => {
                self.written.insert((Kind::Product, *product));
                self.parents.insert(*product, 0);
            }
            Write::OpenStock { sku, .. } | Write::Move { sku, .. } => _ = self.stock.insert(*sku),
            Write::Claim { stock_of, .. } => self.stock.extend(stock_of),
            Write::Answer { scope, .. } | Write::Free(scope) => _ = self.keys.insert(scope.clone()),
            Write::Insert(_) | Write::Append(_) => {}
        }
    }

    /// What a unique index would refuse.
    fn add_new(&mut self, write: &Write) {
        match write {
            Write::Insert(record) | Write::Replace { record, .. } => {
                self.written.insert((record.keys.kind(), record.id));
                if let Keys::Attempt { subject, due: Some(_), .. } = record.keys {
                    self.subjects.insert(subject);
                }
            }
            Write::Move { sku, change, reference: Some(reference), .. } => {
                if let Some(step) = MovementKind::of(*change).step() {
                    self.steps.insert((*reference, *sku, step));
                }
            }
            Write::Claim { scope, .. } => _ = self.keys.insert(scope.clone()),
            _ => {}
        }
    }
}

/// What a call was made for.
enum Part {
    Begin,
    Operations,
    Records(Kind),
    Stock,
    Steps,
    Subjects,
    Keys,
    Children,
}

/// Begins a transaction and reads what the batches speak of.
///
/// # Errors
/// Nothing was written; the transaction may still be open.
pub(super) async fn load<'a>(
    session: &Session,
    batches: &[&Batch],
    first: First,
) -> Result<State<'a>, Error> {
    let needs = Needs::of(batches, first);
    let calls = calls(&needs);
    let (parts, calls): (Vec<Part>, Vec<Call<'_>>) = calls.into_iter().unzip();
    let answers = session.pipeline(&calls).await?;
    let mut state = State::default();
    for (part, answer) in parts.iter().zip(answers) {
        for row in answer? {
            read(&mut state, part, &row)?;
        }
    }
    Ok(state)
}

fn calls(needs: &Needs) -> Vec<(Part, Call<'_>)> {
    let mut calls = vec![(Part::Begin, Call::new("BEGIN", vec![]))];
    let of = |set: &BTreeSet<(Kind, Uuid)>, kind: Kind| -> Vec<Uuid> {
        set.range((kind, Uuid::nil())..=(kind, Uuid::max())).map(|(_, id)| *id).collect()
    };
    for (set, is_written) in [(&needs.written, true), (&needs.checked, false)] {
        for kind in Kind::ALL {
            let ids = of(set, kind);
            if !ids.is_empty() {
                let table = table(kind);
                let sql = if is_written { &table.lock } else { &table.hold };
                calls.push((Part::Records(kind), Call::new(sql, vec![Box::new(ids)])));
            }
        }
    }
    let ids = |set: &BTreeSet<Uuid>| -> Vec<Uuid> { set.iter().copied().collect() };
    if !needs.stock.is_empty() {
        let sql = "SELECT sku, on_hand, reserved, version FROM stock WHERE sku = ANY($1) ORDER BY sku FOR UPDATE";
        calls.push((Part::Stock, Call::new(sql, vec![Box::new(ids(&needs.stock))])));
    }
    if !needs.keys.is_empty() {
        calls.push((Part::Keys, find_keys(&needs.keys)));
    }
    // What follows locks nothing: it is read once everything above is held.
    if !needs.operations.is_empty() {
        let sql = "SELECT id FROM operations WHERE id = ANY($1)";
        calls.push((Part::Operations, Call::new(sql, vec![Box::new(ids(&needs.operations))])));
    }
    if !needs.steps.is_empty() {
        calls.push((Part::Steps, find_steps(&needs.steps)));
    }
    if !needs.subjects.is_empty() {
        // One by one: for many at once the planner may prefer to read all that are open.
        let sql = "SELECT v.subject, a.id FROM (SELECT unnest($1::uuid[]) AS subject) AS v,
                   LATERAL (SELECT id FROM attempts AS t WHERE t.due IS NOT NULL AND t.subject = v.subject LIMIT 1) AS a";
        calls.push((Part::Subjects, Call::new(sql, vec![Box::new(ids(&needs.subjects))])));
    }
    if !needs.parents.is_empty() {
        calls.push((Part::Children, count_children(&needs.parents)));
    }
    calls
}

fn find_keys(scopes: &BTreeSet<KeyScope>) -> Call<'_> {
    let column = |part: fn(&KeyScope) -> &str| -> Vec<&str> { scopes.iter().map(part).collect() };
    Call::new(
        // In the order of the arrays, which is that of the keys. The limit leaves no choice but to look each of them up.
        "SELECT k.principal, k.method, k.key, k.answer IS NOT NULL
         FROM (SELECT unnest($1::text[]) AS principal, unnest($2::text[]) AS method, unnest($3::text[]) AS key) AS v,
              LATERAL (SELECT * FROM keys AS t WHERE t.principal = v.principal AND t.method = v.method
                                                 AND t.key = v.key LIMIT 1 FOR UPDATE) AS k",
        vec![
            Box::new(column(|scope| &scope.principal)),
            Box::new(column(|scope| &scope.method)),
            Box::new(column(|scope| &scope.key)),
        ],
    )
}

fn find_steps(steps: &BTreeSet<(Uuid, Uuid, u8)>) -> Call<'_> {
    let references: Vec<Uuid> = steps.iter().map(|(reference, ..)| *reference).collect();
    let skus: Vec<Uuid> = steps.iter().map(|(_, sku, _)| *sku).collect();
    let numbers: Vec<i16> = steps.iter().map(|(.., step)| i16::from(*step)).collect();
    Call::new(
        "SELECT m.reference, m.sku, m.step
         FROM (SELECT unnest($1::uuid[]) AS reference, unnest($2::uuid[]) AS sku, unnest($3::smallint[]) AS step) AS v,
              LATERAL (SELECT * FROM movements AS t WHERE t.reference = v.reference AND t.sku = v.sku AND t.step = v.step
                       AND t.reference IS NOT NULL AND t.step IS NOT NULL LIMIT 1) AS m",
        vec![Box::new(references), Box::new(skus), Box::new(numbers)],
    )
}

/// The counters would do, but the rows can't be wrong.
fn count_children(parents: &BTreeMap<Uuid, i64>) -> Call<'_> {
    let ids: Vec<Uuid> = parents.keys().copied().collect();
    let going: Vec<i64> = parents.values().copied().collect();
    let name = |parent: &Uuid| Counter::Meeting(Kind::Sku, Condition::Parent(*parent)).name();
    let names: Vec<String> = parents.keys().map(name).collect();
    Call::new(
        "SELECT v.id, (SELECT count(*) FROM (SELECT 1 FROM skus WHERE parent = v.id LIMIT v.going + 1) AS seen),
                (SELECT coalesce(sum(n), 0)::bigint FROM counters WHERE key = v.name)
         FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS v (id, going, name)",
        vec![Box::new(ids), Box::new(going), Box::new(names)],
    )
}

fn read(state: &mut State<'_>, part: &Part, row: &Row) -> Result<(), Error> {
    match part {
        Part::Begin => {}
        Part::Operations => _ = state.used.insert(row.try_get(0)?),
        Part::Records(kind) => {
            let head = Some((row.try_get::<_, i64>(1)?.cast_unsigned(), keys(*kind, row, 2)?));
            let slot = Slot { is_stored: true, head, ..Slot::default() };
            state.records.insert((*kind, row.try_get(0)?), slot);
        }
        Part::Stock => {
            let now = Some(stock(row, 1)?);
            state.stock.insert(row.try_get(0)?, Shelf { is_stored: true, now, is_changed: false });
        }
        Part::Steps => {
            let step = u8::try_from(row.try_get::<_, i16>(2)?).unwrap_or(u8::MAX);
            state.steps.insert((row.try_get(0)?, row.try_get(1)?, step));
        }
        Part::Subjects => _ = state.open.insert(row.try_get(0)?, row.try_get(1)?),
        Part::Keys => {
            let scope =
                KeyScope { principal: row.try_get(0)?, method: row.try_get(1)?, key: row.try_get(2)? };
            let now = KeyState::Stored { is_answered: row.try_get(3)? };
            state.keys.insert(scope, Key { is_stored: true, now });
        }
        Part::Children => {
            let children = Children { seen: row.try_get(1)?, total: row.try_get(2)?, change: 0 };
            state.children.insert(row.try_get(0)?, children);
        }
    }
    Ok(())
}

/// Reads `on_hand, reserved, version`, which begin at column `at`.
pub(super) fn stock(row: &Row, at: usize) -> Result<Stock, Error> {
    let version: i64 = row.try_get(at + 2)?;
    Ok(Stock {
        on_hand: row.try_get(at)?,
        reserved: row.try_get(at + 1)?,
        version: version.cast_unsigned(),
    })
}
