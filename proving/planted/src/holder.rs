//! Who has money held on a card without an order, and takes it or gives it up later; and notes it.

use digota_core::id::ChargeId;
use digota_core::payment::card::Source;
use digota_core::payment::{Provider, RefundReason};
use digota_core::shop::payments::{NewCharge, RefundCharge};
use digota_oracle::history::{Ask, Call, Charge, Outcome};
use digota_oracle::memory;
use uuid::Uuid;

use crate::client::scope;
use crate::node::Node;
use crate::world::{World, usd};

impl World {
    /// Has so much held; returns the place of the charge among those of the history.
    pub async fn hold(&self, node: &Node, amount: i64, token: &str, key: &str) -> usize {
        let place = self.held_place(amount, token, key);
        let new = NewCharge {
            money: usd(amount),
            source: Source::Token(token.to_owned().into()),
            provider: Provider::Sandbox,
            email: String::new(),
            statement: "Tea".into(),
            metadata: Default::default(),
            capture_later: true,
            return_url: String::new(),
        };
        let told = node.shop.new_charge(new, &self.keyed(scope("Charge", key), token)).await;
        let mut history = self.history();
        let charge = &mut history.charges[place];
        charge.id = charge.id.or(told.as_ref().ok().map(|charge| charge.id.0));
        charge.calls[0].tell(memory::charged(&told));
        place
    }

    /// Takes what a charge holds, or so much of it.
    pub async fn capture(&self, node: &Node, place: usize, amount: i64, key: &str) -> Outcome {
        let (id, note) = self.note_charge(place, Ask::Capture { amount }, "Capture", key);
        let terms = self.keyed(scope("Capture", key), &amount.to_string());
        let told = node.shop.capture_charge(id, amount, 0, &terms).await;
        self.told_charge(place, note, memory::charged(&told))
    }

    /// Gives up what a charge holds.
    pub async fn void(&self, node: &Node, place: usize, key: &str) -> Outcome {
        let (id, note) = self.note_charge(place, Ask::Void, "Void", key);
        let told = node.shop.void_charge(id, 0, &self.keyed(scope("Void", key), "")).await;
        self.told_charge(place, note, memory::charged(&told))
    }

    /// Gives so much of a charge back.
    pub async fn refund_held(&self, node: &Node, place: usize, amount: i64, key: &str) -> Outcome {
        let (charge, note) = self.note_charge(place, Ask::Refund { amount }, "RefundCharge", key);
        let terms = self.keyed(scope("RefundCharge", key), &amount.to_string());
        let request = RefundCharge { charge, amount, reason: RefundReason::default(), expected_version: 0 };
        let told = node.shop.refund_charge(request, &terms).await;
        self.told_charge(place, note, memory::charged(&told))
    }

    /// The place of a charge that is asked for with a key: the same key is the same charge.
    fn held_place(&self, amount: i64, token: &str, key: &str) -> usize {
        let key = memory::scope(&scope("Charge", key));
        let mut history = self.history();
        let known = history.charges.iter().position(|charge| charge.calls[0].key.as_ref() == Some(&key));
        if let Some(place) = known {
            return place;
        }
        let outcome = Outcome::Unknown("cut off".into());
        let call = Call { ask: Ask::Charge, key: Some(key), body: token.into(), outcome, again: Vec::new() };
        history.charges.push(Charge { id: None, amount, capture_later: true, calls: vec![call] });
        history.charges.len() - 1
    }

    fn note_charge(&self, place: usize, ask: Ask, method: &str, key: &str) -> (ChargeId, usize) {
        let key = Some(memory::scope(&scope(method, key)));
        let mut history = self.history();
        let charge = &mut history.charges[place];
        let id = ChargeId(charge.id.unwrap_or(Uuid::nil()));
        if let Some(known) = charge.calls.iter().position(|call| call.key == key) {
            return (id, known);
        }
        let outcome = Outcome::Unknown("cut off".into());
        charge.calls.push(Call { ask, key, body: String::new(), outcome, again: Vec::new() });
        (id, charge.calls.len() - 1)
    }

    fn told_charge(&self, place: usize, note: usize, outcome: Outcome) -> Outcome {
        self.history().charges[place].calls[note].tell(outcome.clone());
        outcome
    }
}
