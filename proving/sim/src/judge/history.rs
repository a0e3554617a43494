//! What people asked for and were told, as the oracle wants to hear it.

use std::collections::BTreeMap;

use digota_oracle::books::Scope;
use digota_oracle::history::{self, Adjustment, Charge, History, Order, Outcome, Seen, Sku};
use digota_proto::orderpb::order::Status as OrderStatus;
use digota_proto::paymentpb::charge::Status as ChargeStatus;
use digota_proto::{orderpb, paymentpb};

use crate::people::{Ask, Call, Heard, Known, No, Outcome as Told, People, Told as Noun, id};
use crate::plan::What;

/// The history of all that people did.
pub(super) fn of(people: &People) -> History {
    let known = people.known();
    let mut making = Making { known: &known, history: History::default(), made: BTreeMap::new() };
    making.history.skus = known.wares.iter().map(|ware| sku(ware.sku, ware.initial, ware.price)).collect();
    making.history.faults.clone_from(&known.faults);
    for (number, call) in &known.calls {
        making.makes(*number, call);
    }
    let mut calls: Vec<(&usize, &Call)> = known.calls.iter().collect();
    calls.sort_by_key(|(number, call)| (call.begun, **number));
    for (_, call) in calls {
        making.speaks_of(call);
    }
    making.history
}

fn sku(id: uuid::Uuid, initial: Option<i64>, price: i64) -> Sku {
    Sku { id, initial, price, adjustments: Vec::new() }
}

struct Making<'a> {
    known: &'a Known,
    history: History,
    /// Where what a deed made is: among the orders or among the charges.
    made: BTreeMap<usize, usize>,
}

impl Making<'_> {
    /// Orders and charges come before what is said of them.
    fn makes(&mut self, number: usize, call: &Call) {
        match &call.what {
            What::Order { goods } => match call.outcome() {
                Some(Told::Done(told)) => {
                    let Noun::Order(order) = told.as_ref() else { return };
                    let Some(id) = id(&order.id) else { return };
                    let wanted = goods.iter().map(|(sku, n)| (self.known.wares[*sku].sku, *n)).collect();
                    self.made.insert(number, self.history.orders.len());
                    self.history.orders.push(Order::new(id, wanted, self.known.total(goods)));
                }
                Some(Told::Refused(no)) => {
                    self.history.faults.push(format!("#{number}: an order was refused: {no:?}"))
                }
                _ => self.history.orders_given_up += 1,
            },
            What::Charge { amount, later, .. } => {
                let id = match self.known.made(number) {
                    Some(Noun::Charge(charge)) => id(&charge.id),
                    _ => None,
                };
                self.made.insert(number, self.history.charges.len());
                let (amount, capture_later) = (*amount, *later);
                self.history.charges.push(Charge { id, amount, capture_later, calls: vec![said(call)] });
            }
            _ => {}
        }
    }

    fn speaks_of(&mut self, call: &Call) {
        if let What::Adjust { sku, by } = call.what {
            let adjustment = Adjustment { delta: by, outcome: first_kept(call).0 };
            self.history.skus[sku].adjustments.push(adjustment);
        }
        let Some(made) = call.what.about().and_then(|about| self.made.get(&about)) else { return };
        match call.what {
            What::Capture { .. } | What::Void { .. } => self.history.charges[*made].calls.push(said(call)),
            What::Look { .. } | What::Again { .. } => {}
            _ => self.history.orders[*made].calls.push(said(call)),
        }
    }
}

fn said(call: &Call) -> history::Call {
    let scope = |key: &String| Scope {
        principal: call.caller.clone(),
        method: call.ask.method().to_owned(),
        key: key.clone(),
    };
    let (outcome, again) = first_kept(call);
    history::Call {
        ask: asked(&call.ask),
        key: call.key.as_ref().map(scope),
        body: format!("{:?}", call.ask),
        outcome,
        again,
    }
}

/// What came of a request, and what it was told again afterwards. What the shop refuses it may grant later: the first answer that
/// is kept counts, else that nobody knows, else the refusal.
fn first_kept(call: &Call) -> (Outcome, Vec<Outcome>) {
    let told: Vec<(Outcome, &Heard)> =
        call.heard.iter().map(|heard| (understood(Some(&heard.outcome)), heard)).collect();
    let unknown = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(_));
    let first = told.iter().position(|(outcome, _)| outcome.is_kept());
    // What was refused may be granted to who still waits.
    if first.is_none() && call.waiting > 0 {
        return (understood(None), Vec::new());
    }
    let first = first.or_else(|| told.iter().position(|(outcome, _)| unknown(outcome))).unwrap_or(0);
    let Some((outcome, heard)) = told.get(first) else { return (understood(None), Vec::new()) };
    // A refusal of what was sent before that answer was heard may be older than it.
    let later = |(again, other): &&(Outcome, &Heard)| again.is_kept() || other.sent > heard.at;
    let again = told[first + 1..].iter().filter(later).map(|(again, _)| again.clone());
    (outcome.clone(), again.collect())
}

fn asked(ask: &Ask) -> history::Ask {
    let amount = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    match ask {
        Ask::Refund(refund) => history::Ask::Refund { amount: amount(refund.amount) },
        Ask::Return(back) => {
            let goods = back.items.iter().filter_map(|item| Some((id(&item.parent)?, item.quantity)));
            history::Ask::Return { goods: goods.collect(), amount: back.amount }
        }
        Ask::Cancel(_) => history::Ask::Cancel,
        Ask::Fulfill(_) => history::Ask::Fulfill,
        Ask::Charge(_) => history::Ask::Charge,
        Ask::Capture(capture) => history::Ask::Capture { amount: amount(capture.amount) },
        Ask::Void(_) => history::Ask::Void,
        _ => history::Ask::Pay,
    }
}

fn understood(outcome: Option<&Told>) -> Outcome {
    match outcome {
        None => Outcome::Unknown("never answered".to_owned()),
        Some(Told::Unknown(no)) => Outcome::Unknown(format!("{:?}", no.code)),
        Some(Told::Refused(no)) => refused(no),
        Some(Told::Done(told)) if !told.is_final() => Outcome::Unknown("pending".to_owned()),
        Some(Told::Done(told)) => match told.as_ref() {
            Noun::Order(order) => order_seen(order),
            Noun::Charge(charge) => charge_seen(charge),
            _ => Outcome::Done(Seen::default()),
        },
    }
}

fn refused(no: &No) -> Outcome {
    if no.is_kept() { Outcome::Declined(no.reason.clone()) } else { Outcome::Refused(no.reason.clone()) }
}

fn order_seen(order: &orderpb::Order) -> Outcome {
    let status = match order.status() {
        OrderStatus::Created => "created",
        OrderStatus::Paid => "paid",
        OrderStatus::Canceled => "canceled",
        OrderStatus::Fulfilled => "fulfilled",
        OrderStatus::Returned => "returned",
    };
    Outcome::Done(Seen {
        object: id(&order.id).unwrap_or_default(),
        status: status.to_owned(),
        charge: id(&order.charge_id),
        refunded: order.refunded_amount,
        version: order.version,
    })
}

fn charge_seen(charge: &paymentpb::Charge) -> Outcome {
    let status = match charge.status() {
        ChargeStatus::Unspecified => "unspecified",
        ChargeStatus::Pending => "pending",
        ChargeStatus::RequiresAction => "requires_action",
        ChargeStatus::Succeeded => "succeeded",
        ChargeStatus::Failed => "failed",
        ChargeStatus::Authorized => "authorized",
        ChargeStatus::Canceled => "canceled",
    };
    let object = id(&charge.id).unwrap_or_default();
    Outcome::Done(Seen {
        object,
        status: status.to_owned(),
        charge: Some(object),
        refunded: i64::try_from(charge.refund_amount).unwrap_or(i64::MAX),
        version: charge.version,
    })
}
