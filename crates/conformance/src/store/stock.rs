//! Stock: its guards, its ledger.

use std::sync::Arc;

use digota_core::port::Store;
use digota_core::port::store::{Change, Kind, Refusal, Write};
use digota_core::stock::{Movement, MovementKind, ON_HAND_MAX, Shortage, Stock};
use digota_core::testing::chance::scatter;
use uuid::Uuid;

use super::Bed;
use super::drive::{pieces, put, refusal, refused, stock, stocked, together, winners};
use super::samples::{batch, by_hand, id, shift};

/// Compared with [`Stock::moved`], which states the rules; quantities that make no sense only must do no harm.
pub(super) async fn stock_never_goes_negative(bed: Bed) {
    let store = bed.open().await;
    let sku = stocked(&store, 10).await;
    for n in 0..120 {
        let luck = scatter(n);
        let few = i64::try_from(luck % 8).unwrap_or(0);
        let change = match luck >> 8 & 7 {
            0..=2 => Change::Reserve(few),
            3 => Change::Consume(few),
            4 => Change::Release(few),
            5 => Change::Return(few),
            6 => Change::Adjust(few - 4),
            _ => Change::SetAvailable(few * 3),
        };
        check(&store, sku, change).await;
    }
    let extremes = [-1, i64::MIN, i64::MAX, ON_HAND_MAX, ON_HAND_MAX + 1];
    for n in extremes {
        for change in [Change::Adjust(n), Change::SetAvailable(n)] {
            check(&store, sku, change).await;
        }
        for change in [Change::Reserve(n), Change::Consume(n), Change::Release(n), Change::Return(n)] {
            _ = store.commit(batch([shift(sku, change, id())])).await;
            sound(stock(&store, sku).await);
        }
    }
}

/// A change happens just as the rules say, or not at all.
async fn check(store: &Arc<dyn Store>, sku: Uuid, change: Change) {
    let before = stock(store, sku).await;
    let outcome = store.commit(batch([shift(sku, change, id())])).await;
    let after = stock(store, sku).await;
    sound(after);
    match before.moved(change) {
        Some((expected, ..)) => {
            assert!(outcome.is_ok(), "{change:?} of {before:?}: {outcome:?}");
            assert_eq!(after, expected, "{change:?} of {before:?}");
        }
        None => {
            assert!(outcome.is_err(), "{change:?} of {before:?}");
            assert_eq!(after, before, "{change:?}");
        }
    }
}

fn sound(stock: Stock) {
    assert!(0 <= stock.reserved && stock.reserved <= stock.on_hand, "{stock:?}");
}

pub(super) async fn shortages_name_every_sku(bed: Bed) {
    let store = bed.open().await;
    let (twice, once, plenty) =
        (stocked(&store, 5).await, stocked(&store, 1).await, stocked(&store, 10).await);
    let (none, held) = (stocked(&store, 0).await, stocked(&store, 5).await);
    put(&store, [shift(held, Change::Reserve(4), id())]).await;

    let asked = [
        shift(twice, Change::Reserve(3), id()),
        shift(once, Change::Reserve(2), id()),
        shift(plenty, Change::Reserve(10), id()),
        shift(none, Change::Reserve(1), id()),
        shift(twice, Change::Reserve(3), id()),
        by_hand(held, Change::Adjust(-2)),
    ];
    let short = |sku, wanted, available| Shortage { sku, wanted, available };
    let expected = [short(twice, 6, 5), short(once, 2, 1), short(none, 1, 0), short(held, 2, 1)];
    assert_eq!(shortages(refusal(&store, asked).await), by_sku(expected.into()));
    for (sku, pieces_before) in [(twice, (5, 0)), (once, (1, 0)), (plenty, (10, 0)), (held, (5, 4))] {
        assert_eq!(pieces(&store, sku).await, pieces_before, "nothing moved");
    }
    let fits = [shift(twice, Change::Reserve(3), id()), shift(twice, Change::Reserve(2), id())];
    put(&store, fits).await;
    assert_eq!(pieces(&store, twice).await, (5, 5));
}

fn shortages(refusal: Refusal) -> Vec<Shortage> {
    match refusal {
        Refusal::OutOfStock(shortages) => by_sku(shortages),
        other => panic!("expected a shortage, got {other:?}"),
    }
}

fn by_sku(mut shortages: Vec<Shortage>) -> Vec<Shortage> {
    shortages.sort_by_key(|shortage| shortage.sku);
    shortages
}

/// Baskets name their SKUs in either order, so that a store that locks them must mind the order.
pub(super) async fn concurrent_reservations_never_oversell(bed: Bed) {
    let store = bed.open().await;
    let (one, two) = (stocked(&store, 100).await, stocked(&store, 1000).await);
    let baskets = (0..64).map(|n| {
        let mut basket = [shift(one, Change::Reserve(3), id()), shift(two, Change::Reserve(1), id())];
        if n % 2 == 0 {
            basket.reverse();
        }
        batch(basket)
    });
    let outcomes = together(&store, baskets).await;
    let is_shortage = |refusal: &Refusal| matches!(refusal, Refusal::OutOfStock(short) if short.len() == 1 && short[0].sku == one);
    assert_eq!(winners(&outcomes, is_shortage), 33);
    assert_eq!(pieces(&store, one).await, (100, 99));
    assert_eq!(pieces(&store, two).await, (1000, 33));
}

pub(super) async fn setting_the_available_keeps_what_is_reserved(bed: Bed) {
    let store = bed.open().await;
    let sku = stocked(&store, 10).await;
    put(&store, [shift(sku, Change::Reserve(4), id())]).await;
    for (asked, on_hand) in [(20, 24), (0, 4), (6, 10), (6, 10)] {
        let committed = put(&store, [by_hand(sku, Change::SetAvailable(asked))]).await;
        assert_eq!(pieces(&store, sku).await, (on_hand, 4));
        assert_eq!(committed.stock, [(sku, stock(&store, sku).await)]);
    }

    let setting = (0..16).map(|_| batch([by_hand(sku, Change::SetAvailable(50))]));
    let selling = (0..16).map(|_| batch([shift(sku, Change::Reserve(1), id())]));
    for outcome in together(&store, selling.zip(setting).flat_map(|(sell, set)| [sell, set])).await {
        let (_, stock) = outcome.expect("there is enough").stock[0];
        let was_set = stock.available() == 50;
        assert!(was_set || stock.reserved > 4, "{stock:?}");
    }
    assert_eq!(stock(&store, sku).await.reserved, 20);
}

pub(super) async fn each_movement_is_kept(bed: Bed) {
    let store = bed.open().await;
    let (sku, payment) = (stocked(&store, 10).await, id());
    let changes = [
        (Change::Reserve(4), Some(payment), (0, 4)),
        (Change::Consume(4), Some(payment), (-4, -4)),
        (Change::Return(1), Some(payment), (1, 0)),
        (Change::Adjust(-2), None, (-2, 0)),
        (Change::SetAvailable(9), None, (4, 0)),
        (Change::Adjust(1), None, (1, 0)),
    ];
    let mut expected = Vec::new();
    for (change, reference, (on_hand, reserved)) in changes {
        let reason = format!("because of {change:?}");
        let batch = batch([Write::Move { sku, change, reference, reason: reason.clone() }]);
        let (kind, at) = (MovementKind::of(change), batch.at);
        store.commit(batch).await.expect("nothing speaks against it");
        expected.push(Movement { sku, kind, on_hand, reserved, reference, reason, at });
    }
    let ledger = ledger(&store, sku).await;
    let (kind, opened) = (ledger[0].1.kind, (ledger[0].1.on_hand, ledger[0].1.reserved));
    assert_eq!((kind, opened), (MovementKind::Adjust, (10, 0)), "the first quantity is a movement");
    let later: Vec<Movement> = ledger[1..].iter().map(|(_, movement)| movement.clone()).collect();
    assert_eq!(later, expected);
    let page = store.movements(sku, ledger[2].0, 2).await;
    assert_eq!(page, Ok(ledger[3..5].to_vec()), "two after the third");
    _ = store.commit(batch([shift(sku, Change::Reserve(1000), id())])).await;
    adds_up(&store, sku, 7).await;

    let crowd =
        (0..32).map(|n| batch([by_hand(sku, Change::Adjust(n % 3)), shift(sku, Change::Return(1), id())]));
    for outcome in together(&store, crowd).await {
        outcome.expect("nothing speaks against it");
    }
    adds_up(&store, sku, 7 + 64).await;
    assert_eq!(store.movements(id(), 0, 10).await, Ok(vec![]), "no stock, no movements");
}

async fn ledger(store: &Arc<dyn Store>, sku: Uuid) -> Vec<(u64, Movement)> {
    store.movements(sku, 0, 1000).await.expect("a ledger can be read")
}

async fn adds_up(store: &Arc<dyn Store>, sku: Uuid, length: u64) {
    let (ledger, stock) = (ledger(store, sku).await, stock(store, sku).await);
    let on_hand: i64 = ledger.iter().map(|(_, movement)| movement.on_hand).sum();
    let reserved: i64 = ledger.iter().map(|(_, movement)| movement.reserved).sum();
    assert_eq!((on_hand, reserved), (stock.on_hand, stock.reserved));
    assert_eq!((ledger.len() as u64, stock.version), (length, length), "one movement per version");
    assert!(ledger.is_sorted_by(|(one, _), (next, _)| one < next), "numbers rise");
}

/// Enough stays reserved for somebody else that only the reference speaks against a second time.
pub(super) async fn a_reservation_ends_once(bed: Bed) {
    let store = bed.open().await;
    let (sku, other) = (stocked(&store, 50).await, stocked(&store, 50).await);
    put(&store, [shift(sku, Change::Reserve(20), id()), shift(other, Change::Reserve(20), id())]).await;
    for (first, second) in [
        (Change::Consume(2), Change::Consume(2)),
        (Change::Consume(2), Change::Release(2)),
        (Change::Release(2), Change::Consume(2)),
        (Change::Release(2), Change::Release(2)),
        (Change::Reserve(2), Change::Reserve(1)),
        (Change::Return(2), Change::Return(2)),
    ] {
        let reference = id();
        put(&store, [shift(sku, first, reference)]).await;
        let before = pieces(&store, sku).await;
        let moved = Refusal::MovedAlready { sku, reference };
        assert_eq!(
            refusal(&store, [shift(sku, second, reference)]).await,
            moved,
            "{second:?} after {first:?}"
        );
        assert_eq!(pieces(&store, sku).await, before);
        put(&store, [shift(other, second, reference)]).await;
    }

    let payment = id();
    for step in [Change::Reserve(1), Change::Consume(1), Change::Return(1)] {
        put(&store, [shift(sku, step, payment)]).await;
    }
    for _ in 0..2 {
        put(&store, [by_hand(sku, Change::Adjust(1)), shift(sku, Change::Adjust(1), payment)]).await;
    }

    let (payment, before) = (id(), stock(&store, sku).await.reserved);
    put(&store, [shift(sku, Change::Reserve(2), payment)]).await;
    let ends = (0..16).map(|n| if n % 2 == 0 { Change::Consume(2) } else { Change::Release(2) });
    let outcomes = together(&store, ends.map(|end| batch([shift(sku, end, payment)]))).await;
    let moved = Refusal::MovedAlready { sku, reference: payment };
    assert_eq!(winners(&outcomes, |refusal| *refusal == moved), 1);
    assert_eq!(stock(&store, sku).await.reserved, before);
}

pub(super) async fn moving_unknown_stock_is_refused(bed: Bed) {
    let store = bed.open().await;
    let (known, unknown) = (stocked(&store, 5).await, id());
    let missing = Refusal::Missing { kind: Kind::Sku, id: unknown };
    for change in [
        Change::Reserve(1),
        Change::Consume(1),
        Change::Release(1),
        Change::Return(1),
        Change::Adjust(1),
        Change::SetAvailable(1),
    ] {
        assert_eq!(refusal(&store, [by_hand(unknown, change)]).await, missing, "{change:?}");
        let mixed = [by_hand(known, Change::Adjust(1)), by_hand(unknown, change)];
        assert_eq!(refusal(&store, mixed).await, missing, "{change:?}");
    }
    assert_eq!(store.stock(&[unknown, known]).await.map(|found| found[0]), Ok(None));
    assert_eq!(pieces(&store, known).await, (5, 0));

    let again = store.commit(batch([Write::OpenStock { sku: known, on_hand: 1 }])).await;
    assert_eq!(refused(again), Refusal::Exists { kind: Kind::Sku, id: known });
}
