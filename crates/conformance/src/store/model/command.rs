//! What may be asked of a store, whatever it holds. Numbers choose among what there is at that moment.

use digota_core::port::store::{Change, Concern, Kind};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Something that is asked.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Commits these writes; under the id of an operation that was there before, if one is named.
    Commit { writes: Vec<Put>, operation: Option<usize> },
    /// Settles an operation: one that is known, or a new one.
    Resolve(Option<usize>),
    /// Reads records that are there and one that is not.
    Get(Kind),
    /// Lists page by page.
    List { kind: Kind, filters: Vec<Filter>, by_updated: bool, descending: bool, offset: u32, limit: u32 },
    /// Counts.
    Count { kind: Kind, filters: Vec<Filter> },
    /// Reads the stock, and what moved after a number.
    Stock { sku: usize, after: u64, limit: u32 },
    /// Reads what is known of a key.
    Key(usize),
    /// Reads events.
    Events { after: u64, limit: u32 },
    /// Reads what is due at a moment.
    Due { at: i64, limit: u32 },
    /// Forgets what is older than these moments.
    Purge { operations: i64, keys: i64, events: Option<i64> },
    /// Closes the store and opens it again, if it lasts.
    Reopen,
}

/// A write.
#[derive(Clone, Debug)]
pub(super) enum Put {
    Insert {
        kind: Kind,
        taken: bool,
        keys: Choice,
    },
    Replace {
        kind: Kind,
        which: usize,
        stale: bool,
        keys: Choice,
    },
    Delete {
        kind: Kind,
        which: usize,
        stale: bool,
    },
    Check {
        kind: Kind,
        which: usize,
        version: Option<bool>,
    },
    NoChildren(usize),
    OpenStock {
        taken: bool,
        on_hand: i64,
    },
    Move {
        sku: usize,
        change: Change,
        reference: Option<usize>,
    },
    /// Reserves some pieces of several SKUs for a new payment.
    Sell {
        skus: usize,
        pieces: i64,
    },
    /// Ends a reservation that was made, perhaps not for the first time.
    End {
        sku: usize,
        which: usize,
        sold: bool,
    },
    Append {
        which: usize,
    },
    Claim {
        key: usize,
        attempt: Option<usize>,
        answered: bool,
        sku: Option<usize>,
    },
    Answer(usize),
    Free(usize),
}

/// What the keys of a record are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) active: bool,
    pub(super) number: usize,
    pub(super) owner: Option<usize>,
    pub(super) moment: i64,
    pub(super) concern: Concern,
}

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    Active(bool),
    Parent(usize),
    Status(usize),
    Email(usize),
    Order(usize),
    Open,
    Concern(Concern),
    Created { from: Option<i64>, until: Option<i64> },
}

/// Moments that records are made at: few, so that ids must break ties.
pub(super) const MOMENTS: i64 = 3;

/// Any command, reads as often as writes.
pub(super) fn command() -> impl Strategy<Value = Command> {
    let filters = || proptest::collection::vec(filter(), 0..3);
    let commit = (proptest::collection::vec(put(), 1..5), option::weighted(0.05, 0..50usize))
        .prop_map(|(writes, operation)| Command::Commit { writes, operation });
    let list = (kind(), filters(), any::<(bool, bool)>(), 0..4u32, 1..6u32).prop_map(
        |(kind, filters, (by_updated, descending), offset, limit)| Command::List {
            kind,
            filters,
            by_updated,
            descending,
            offset,
            limit,
        },
    );
    let stock =
        (0..9usize, 0..5u64, 1..9u32).prop_map(|(sku, after, limit)| Command::Stock { sku, after, limit });
    let purge = (0..90i64, 0..90i64, option::of(0..90i64))
        .prop_map(|(operations, keys, events)| Command::Purge { operations, keys, events });
    prop_oneof![
        12 => commit,
        1 => option::weighted(0.7, 0..50usize).prop_map(Command::Resolve),
        1 => kind().prop_map(Command::Get),
        4 => list,
        2 => (kind(), filters()).prop_map(|(kind, filters)| Command::Count { kind, filters }),
        2 => stock,
        1 => (0..KEYS).prop_map(Command::Key),
        1 => (0..12u64, 1..9u32).prop_map(|(after, limit)| Command::Events { after, limit }),
        1 => (0..MOMENTS, 1..5u32).prop_map(|(at, limit)| Command::Due { at, limit }),
        1 => purge,
        1 => Just(Command::Reopen),
    ]
}

/// How many keys there are.
pub(super) const KEYS: usize = 8;

/// How many payments move stock.
pub(super) const REFERENCES: usize = 8;

fn kind() -> impl Strategy<Value = Kind> {
    select(&Kind::ALL[..])
}

fn put() -> impl Strategy<Value = Put> {
    let rarely = || proptest::bool::weighted(0.1);
    prop_oneof![
        8 => (kind(), rarely(), choice()).prop_map(|(kind, taken, keys)| Put::Insert { kind, taken, keys }),
        5 => (kind(), 0..9usize, rarely(), choice())
            .prop_map(|(kind, which, stale, keys)| Put::Replace { kind, which, stale, keys }),
        2 => (kind(), 0..9usize, rarely()).prop_map(|(kind, which, stale)| Put::Delete { kind, which, stale }),
        1 => (kind(), 0..9usize, option::of(proptest::bool::weighted(0.8)))
            .prop_map(|(kind, which, version)| Put::Check { kind, which, version }),
        1 => (0..9usize).prop_map(Put::NoChildren),
        2 => (rarely(), 0..9i64).prop_map(|(taken, on_hand)| Put::OpenStock { taken, on_hand }),
        7 => (0..9usize, change(), option::weighted(0.8, 0..REFERENCES))
            .prop_map(|(sku, change, reference)| Put::Move { sku, change, reference }),
        1 => (2..4usize, 1..12i64).prop_map(|(skus, pieces)| Put::Sell { skus, pieces }),
        3 => (0..9usize, 0..4usize, any::<bool>()).prop_map(|(sku, which, sold)| Put::End { sku, which, sold }),
        6 => (0..9usize).prop_map(|which| Put::Append { which }),
        2 => (0..KEYS, option::of(0..9usize), proptest::bool::weighted(0.3), option::of(0..9usize))
            .prop_map(|(key, attempt, answered, sku)| Put::Claim { key, attempt, answered, sku }),
        2 => (0..KEYS).prop_map(Put::Answer),
        1 => (0..KEYS).prop_map(Put::Free),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    (any::<bool>(), 0..4usize, option::weighted(0.7, 0..9usize), 0..MOMENTS, select(&Concern::ALL[..]))
        .prop_map(|(active, number, owner, moment, concern)| Choice {
            active,
            number,
            owner,
            moment,
            concern,
        })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (0..5i64).prop_map(Change::Reserve),
        1 => (0..3i64).prop_map(Change::Consume),
        1 => (0..3i64).prop_map(Change::Release),
        1 => (0..4i64).prop_map(Change::Return),
        2 => (-4..6i64).prop_map(Change::Adjust),
        2 => (0..9i64).prop_map(Change::SetAvailable),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let moment = || option::of(0..MOMENTS);
    prop_oneof![
        any::<bool>().prop_map(Filter::Active),
        (0..9usize).prop_map(Filter::Parent),
        (0..4usize).prop_map(Filter::Status),
        (0..3usize).prop_map(Filter::Email),
        (0..9usize).prop_map(Filter::Order),
        Just(Filter::Open),
        select(&Concern::ALL[1..]).prop_map(Filter::Concern),
        (moment(), moment()).prop_map(|(from, until)| Filter::Created { from, until }),
    ]
}
