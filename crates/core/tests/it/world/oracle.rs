//! What must be true once nothing is under way, whatever happened before: read from the gateway's own record and the store alone.

use std::collections::BTreeMap;

use digota_core::order::{Order, OrderStatus};
use digota_core::page::Request;
use digota_core::payment::{Charge, ChargeStatus, RefundStatus};
use digota_core::port::Store;
use digota_core::port::gateway::Outcome;
use digota_core::sku::Sku;
use digota_core::stock::MovementKind;
use digota_core::testing::gateway::ChargeRecord;
use uuid::Uuid;

use super::World;

impl World {
    pub(crate) async fn all_charges(&self) -> Vec<Charge> {
        self.shop.charges(&Request::default()).await.unwrap().items
    }

    pub(crate) async fn all_orders(&self) -> Vec<Order> {
        self.shop.orders(&Request::default()).await.unwrap().items
    }

    /// Fails unless gateway and store agree, stock adds up, nothing is in limbo and no order was paid twice.
    pub(crate) async fn assert_consistent(&self) {
        assert!(self.next_due().await.is_none(), "an attempt is still open");
        let (orders, charges) = (self.all_orders().await, self.all_charges().await);
        let records = self.wire.gateway.charges();
        for charge in &charges {
            settled(charge);
            agrees(charge, &records);
        }
        for record in records.iter().filter(|record| record.captured > 0 || record.refunded > 0) {
            let known = charges.iter().filter(|charge| charge.provider_charge_id == record.reference);
            assert_eq!(known.count(), 1, "the shop knows nothing of {record:?}");
        }
        for order in &orders {
            let paying: Vec<&Charge> =
                charges.iter().filter(|charge| charge.order == Some(order.id)).collect();
            stands(order, &paying);
        }
        let taken: i64 = charges.iter().map(kept).sum();
        assert_eq!(i128::from(taken), self.wire.gateway.moved());
        self.stock_adds_up(&orders).await;
        self.events_tell_every_version(&orders, &charges).await;
    }

    /// Fails unless other eyes find nothing wrong either. They read everything, and take their time.
    pub(crate) async fn assert_verified(&self) {
        let report = digota_verify::verify(self.flaky.inner()).await.unwrap();
        assert_eq!(report.violations, []);
    }

    /// What was sold, by the orders, is what is missing, by the ledger. Holds where all goods that came back were restocked.
    async fn stock_adds_up(&self, orders: &[Order]) {
        for sku in self.skus {
            let stock = self.stock_of(sku).await;
            let ledger = self.flaky.inner().movements(sku.0, 0, u32::MAX).await.unwrap();
            let sum = |kind: MovementKind| -> (i64, i64) {
                let of_kind = ledger.iter().filter(|(_, movement)| movement.kind == kind);
                of_kind.fold((0, 0), |(a, b), (_, movement)| (a + movement.on_hand, b + movement.reserved))
            };
            let on_hand: i64 = MovementKind::ALL.into_iter().map(|kind| sum(kind).0).sum();
            let reserved: i64 = MovementKind::ALL.into_iter().map(|kind| sum(kind).1).sum();
            assert_eq!((stock.on_hand, stock.reserved), (on_hand, reserved), "the ledger adds up");
            assert_eq!(stock.reserved, 0, "nothing is held for nobody");
            let lines = orders.iter().filter(|order| order.charge.is_some()).flat_map(Order::goods);
            let stocked = lines.filter(|(other, line)| *other == sku && line.stocked);
            let (sold, returned) =
                stocked.fold((0, 0), |(a, b), (_, line)| (a + line.quantity, b + line.returned));
            assert_eq!(sum(MovementKind::Consume).0, -sold, "sold once, and only what was paid");
            assert_eq!(sum(MovementKind::Return).0, returned, "what came back is there");
        }
    }

    /// One event per version of every order, charge and SKU, in order, and positions without a gap.
    async fn events_tell_every_version(&self, orders: &[Order], charges: &[Charge]) {
        let events = self.flaky.inner().events(0, u32::MAX).await.unwrap();
        let mut versions: BTreeMap<Uuid, u64> = BTreeMap::new();
        for (at, (position, event)) in (1..).zip(&events) {
            assert_eq!(*position, at, "positions have no gap");
            let last = versions.entry(event.object).or_default();
            *last += 1;
            assert_eq!(event.version, *last, "{} tells the next version", event.name);
        }
        let skus: Vec<Sku> =
            self.shop.skus(&Request::default()).await.unwrap().items.into_iter().map(|s| s.sku).collect();
        let current = orders.iter().map(|order| (order.id.0, order.version));
        let current = current.chain(charges.iter().map(|charge| (charge.id.0, charge.version)));
        for (id, version) in current.chain(skus.iter().map(|sku| (sku.id.0, sku.version))) {
            assert_eq!(versions.get(&id), Some(&version), "every version of {id} has its event");
        }
    }
}

/// What of a charge stayed with the seller.
fn kept(charge: &Charge) -> i64 {
    if charge.status == ChargeStatus::Succeeded { charge.money.amount - charge.refunded } else { 0 }
}

/// Nothing of a charge is under way, and its sums are those of its refunds.
fn settled(charge: &Charge) {
    assert_eq!(charge.open_attempt, None, "{charge:?}");
    assert_eq!(charge.pending_refund, 0, "{charge:?}");
    assert_eq!(charge.next_action, None, "{charge:?}");
    assert!(!matches!(charge.status, ChargeStatus::Pending | ChargeStatus::RequiresAction), "{charge:?}");
    assert!(charge.refunds.iter().all(|refund| refund.status != RefundStatus::Pending), "{charge:?}");
    let paid_back: i64 =
        charge.refunds.iter().filter(|r| r.status == RefundStatus::Succeeded).map(|r| r.amount).sum();
    assert_eq!(charge.refunded, paid_back, "{charge:?}");
    assert!(0 <= charge.refunded && charge.refunded <= charge.money.amount, "{charge:?}");
}

/// The gateway has of a charge exactly what the shop has.
fn agrees(charge: &Charge, records: &[ChargeRecord]) {
    let record = records.iter().find(|record| record.reference == charge.provider_charge_id);
    let (captured, refunded) = record.map_or((0, 0), |record| (record.captured, record.refunded));
    let expected = match charge.status {
        ChargeStatus::Succeeded => (charge.money.amount, charge.refunded),
        _ => (0, 0),
    };
    assert_eq!((captured, refunded), expected, "{charge:?} and {record:?}");
    if charge.status == ChargeStatus::Authorized {
        assert_eq!(record.map(|record| &record.outcome), Some(&Outcome::Authorized));
    }
}

/// An order is what its charges make of it.
fn stands(order: &Order, charges: &[&Charge]) {
    assert_eq!((order.open_attempt, order.pending_charge), (None, None), "{order:?}");
    // Money that came too late and went back is nobody's payment.
    let late = |charge: &Charge| order.charge != Some(charge.id) && kept(charge) == 0;
    let paying: Vec<_> = charges.iter().filter(|c| c.status == ChargeStatus::Succeeded && !late(c)).collect();
    assert!(paying.len() <= 1, "paid twice: {order:?}");
    assert_eq!(order.charge, paying.first().map(|charge| charge.id), "{order:?}");
    match order.status {
        OrderStatus::Created => assert_eq!(order.charge, None, "{order:?}"),
        OrderStatus::Paid | OrderStatus::Fulfilled | OrderStatus::Returned => {
            assert!(order.charge.is_some(), "{order:?}");
        }
        OrderStatus::Canceled => {}
    }
    assert_eq!(order.refunded, paying.first().map_or(0, |charge| charge.refunded), "{order:?}");
    let ended = matches!(order.status, OrderStatus::Returned)
        || order.status == OrderStatus::Canceled && order.charge.is_some();
    assert_eq!(ended, order.charge.is_some() && order.all_returned(), "{order:?}");
    if order.charge.is_none() {
        assert!(order.goods().all(|(_, line)| !line.stocked && line.returned == 0), "{order:?}");
    }
}
