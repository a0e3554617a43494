//! The second half of a transaction: what the group changed, each table in as few statements as it takes.

use digota_core::port::store::{KeyEntry, KeyScope, Keys, Kind, Record};
use digota_core::stock::{Movement, Stock};
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::session::Call;
use super::state::{KeyState, Shelf, State};
use super::table::{Params, columns, table};

/// The statements that write what changed, in an order in which each finds room: what frees comes before what takes.
/// None where nothing changed.
pub(super) fn calls<'a>(state: &'a State<'_>, node: i16) -> Vec<Call<'a>> {
    if state.operations.is_empty() {
        return vec![];
    }
    let mut calls = vec![operations(state)];
    Kind::ALL.into_iter().for_each(|kind| records(state, kind, &mut calls));
    stock(state, &mut calls);
    movements(state, &mut calls);
    keys(state, &mut calls);
    counters(state, node, &mut calls);
    events(state, &mut calls);
    calls
}

/// A column of a statement's rows. The statements unnest their columns side by side where the values are wanted: in FROM, each
/// row would be put aside and taken up again, column by column.
fn column<'a, R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Box<dyn tokio_postgres::types::ToSql + Sync + Send + 'a>
where
    Vec<T>: tokio_postgres::types::ToSql + Sync + Send + 'a,
{
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

fn operations<'a>(state: &'a State<'_>) -> Call<'a> {
    let mut rows = state.operations.clone();
    rows.sort_unstable();
    Call::new(
        "INSERT INTO operations (id, at, tombstone) SELECT unnest($1::uuid[]), unnest($2::bigint[]), false",
        vec![column(&rows, |row| row.0), column(&rows, |row| row.1.0)],
    )
}

fn records<'a>(state: &'a State<'_>, kind: Kind, calls: &mut Vec<Call<'a>>) {
    let (mut gone, mut closed, mut replaced, mut inserted) = (vec![], vec![], vec![], vec![]);
    for ((_, id), slot) in state.records.range((kind, Uuid::nil())..=(kind, Uuid::max())) {
        match slot.write {
            None if slot.is_stored && slot.is_changed => gone.push(*id),
            None => {}
            Some(record) if !slot.is_stored => inserted.push(record),
            Some(record) if matches!(record.keys, Keys::Attempt { due: None, .. }) => closed.push(record),
            Some(record) => replaced.push(record),
        }
    }
    let table = table(kind);
    if !gone.is_empty() {
        calls.push(Call::new(&table.delete, vec![Box::new(gone)]));
    }
    // The unique index of open attempts looks at every row at once, so those that close go first.
    let written: [(&str, Vec<&'a Record>); 3] =
        [(&table.replace, closed), (&table.replace, replaced), (&table.insert, inserted)];
    for (sql, records) in written {
        if !records.is_empty() {
            calls.push(Call::new(sql, columns(kind, &records)));
        }
    }
}

fn stock<'a>(state: &'a State<'_>, calls: &mut Vec<Call<'a>>) {
    let changed = |is_stored: bool| -> Vec<(Uuid, Stock)> {
        let wanted = |shelf: &Shelf| shelf.is_changed && shelf.is_stored == is_stored;
        let rows = state.stock.iter().filter(|(_, shelf)| wanted(shelf));
        rows.filter_map(|(sku, shelf)| Some((*sku, shelf.now?))).collect()
    };
    let params = |rows: &[(Uuid, Stock)]| -> Params<'a> {
        vec![
            column(rows, |row| row.0),
            column(rows, |row| row.1.on_hand),
            column(rows, |row| row.1.reserved),
            column(rows, |row| row.1.version.cast_signed()),
        ]
    };
    let (moved, opened) = (changed(true), changed(false));
    if !moved.is_empty() {
        calls.push(Call::new(
            "INSERT INTO stock (sku, on_hand, reserved, version)
             SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[])
             ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,
                                             version = excluded.version",
            params(&moved),
        ));
    }
    if !opened.is_empty() {
        calls.push(Call::new(
            "INSERT INTO stock (sku, on_hand, reserved, version)
             SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[])",
            params(&opened),
        ));
    }
}

fn movements<'a>(state: &'a State<'_>, calls: &mut Vec<Call<'a>>) {
    let rows: &[(u64, Movement)] = &state.movements;
    if rows.is_empty() {
        return;
    }
    let reasons: Vec<&'a str> = rows.iter().map(|(_, movement)| movement.reason.as_str()).collect();
    calls.push(Call::new(
        "INSERT INTO movements (sku, number, kind, on_hand, reserved, reference, step, reason, at)
         SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::smallint[]), unnest($4::bigint[]), unnest($5::bigint[]),
                unnest($6::uuid[]), unnest($7::smallint[]), unnest($8::text[]), unnest($9::bigint[])",
        vec![
            column(rows, |(_, movement)| movement.sku),
            column(rows, |(number, _)| number.cast_signed()),
            column(rows, |(_, movement)| i16::from(movement.kind.number())),
            column(rows, |(_, movement)| movement.on_hand),
            column(rows, |(_, movement)| movement.reserved),
            column(rows, |(_, movement)| movement.reference),
            column(rows, |(_, movement)| movement.kind.step().map(i16::from)),
            Box::new(reasons),
            column(rows, |(_, movement)| movement.at.0),
        ],
    ));
}

/// The rows are locked: their places are theirs. Looked up one by one for the same reason as in [`super::load`].
fn keys<'a>(state: &'a State<'_>, calls: &mut Vec<Call<'a>>) {
    let (mut gone, mut answered, mut claimed) = (vec![], vec![], vec![]);
    for (scope, key) in &state.keys {
        match &key.now {
            KeyState::Free if key.is_stored => gone.push(scope),
            KeyState::Free | KeyState::Stored { .. } => {}
            KeyState::Answered(answer) => answered.push((scope, answer.as_str())),
            KeyState::Claimed(entry, at) => {
                if key.is_stored {
                    gone.push(scope);
                }
                claimed.push((scope, entry, *at));
            }
        }
    }
    if !gone.is_empty() {
        calls.push(Call::new(
            "DELETE FROM keys
             USING (SELECT unnest($1::text[]) AS principal, unnest($2::text[]) AS method, unnest($3::text[]) AS key) AS v,
                  LATERAL (SELECT t.ctid AS place FROM keys AS t
                           WHERE t.principal = v.principal AND t.method = v.method AND t.key = v.key LIMIT 1) AS k
             WHERE keys.ctid = k.place",
            scopes(&gone),
        ));
    }
    if !answered.is_empty() {
        let mut params = scopes(&answered.iter().map(|(scope, _)| *scope).collect::<Vec<_>>());
        params.push(Box::new(answered.iter().map(|(_, answer)| *answer).collect::<Vec<&'a str>>()));
        calls.push(Call::new(
            "UPDATE keys SET answer = v.answer
             FROM (SELECT unnest($1::text[]) AS principal, unnest($2::text[]) AS method, unnest($3::text[]) AS key,
                          unnest($4::text[]) AS answer) AS v,
                  LATERAL (SELECT t.ctid AS place FROM keys AS t
                           WHERE t.principal = v.principal AND t.method = v.method AND t.key = v.key LIMIT 1) AS k
             WHERE keys.ctid = k.place AND keys.answer IS NULL",
            params,
        ));
    }
    if !claimed.is_empty() {
        calls.push(claim(&claimed));
    }
}

fn scopes<'a>(scopes: &[&'a KeyScope]) -> Params<'a> {
    let part = |part: fn(&KeyScope) -> &String| -> Vec<&'a str> {
        scopes.iter().map(|scope| part(scope).as_str()).collect()
    };
    vec![
        Box::new(part(|scope| &scope.principal)),
        Box::new(part(|scope| &scope.method)),
        Box::new(part(|scope| &scope.key)),
    ]
}

fn claim<'a>(rows: &[(&'a KeyScope, &'a KeyEntry, Timestamp)]) -> Call<'a> {
    let mut params = scopes(&rows.iter().map(|(scope, ..)| *scope).collect::<Vec<_>>());
    let fingerprints: Vec<&'a str> = rows.iter().map(|(_, entry, _)| entry.fingerprint.as_str()).collect();
    let answers: Vec<Option<&'a str>> = rows.iter().map(|(_, entry, _)| entry.answer.as_deref()).collect();
    params.push(Box::new(fingerprints));
    params.push(column(rows, |(_, entry, _)| entry.attempt));
    params.push(Box::new(answers));
    params.push(column(rows, |(_, entry, _)| entry.stock.map(|stock| stock.on_hand)));
    params.push(column(rows, |(_, entry, _)| entry.stock.map(|stock| stock.reserved)));
    params.push(column(rows, |(_, entry, _)| entry.stock.map(|stock| stock.version.cast_signed())));
    params.push(column(rows, |(.., at)| at.0));
    Call::new(
        "INSERT INTO keys (principal, method, key, fingerprint, attempt, answer, on_hand, reserved, stock, at)
         SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::uuid[]),
                unnest($6::text[]), unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::bigint[]), unnest($10::bigint[])",
        params,
    )
}

/// Into this node's own rows. A row of nothing is not kept.
fn counters<'a>(state: &'a State<'_>, node: i16, calls: &mut Vec<Call<'a>>) {
    let changed = state.counters.iter().filter(|(_, n)| **n != 0);
    let rows: Vec<(String, i64)> = changed.map(|(counter, n)| (counter.name(), *n)).collect();
    if rows.is_empty() {
        return;
    }
    calls.push(Call::new(
        "INSERT INTO counters AS t (key, node, n)
         SELECT unnest($1::text[]), $3, unnest($2::bigint[])
         ON CONFLICT (key, node) DO UPDATE SET n = t.n + excluded.n",
        vec![column(&rows, |row| row.0.clone()), column(&rows, |row| row.1), Box::new(node)],
    ));
    let fewer: Vec<String> = rows.into_iter().filter(|(_, n)| *n < 0).map(|(key, _)| key).collect();
    if !fewer.is_empty() {
        calls.push(Call::new(
            "DELETE FROM counters WHERE key = ANY($1) AND node = $2 AND n = 0",
            vec![Box::new(fewer), Box::new(node)],
        ));
    }
}

/// The last statement before COMMIT: from here on other nodes' commits with events wait until this one is durable.
fn events<'a>(state: &'a State<'_>, calls: &mut Vec<Call<'a>>) {
    let rows = &state.events;
    if rows.is_empty() {
        return;
    }
    let names: Vec<&'a str> = rows.iter().map(|event| event.name.as_str()).collect();
    let bodies: Vec<&'a str> = rows.iter().map(|event| event.body.as_str()).collect();
    calls.push(Call::new(
        "WITH head AS (
             UPDATE event_head SET position = position + cardinality($1::uuid[])
             RETURNING position - cardinality($1::uuid[]) AS last
         )
         INSERT INTO events (position, id, name, kind, object, version, at, body)
         SELECT last + generate_series(1, cardinality($1::uuid[])), unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]),
                unnest($4::uuid[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[])::json FROM head",
        vec![
            column(rows, |event| event.id),
            Box::new(names),
            column(rows, |event| event.kind.name()),
            column(rows, |event| event.object),
            column(rows, |event| event.version.cast_signed()),
            column(rows, |event| event.at.0),
            Box::new(bodies),
        ],
    ));
}
