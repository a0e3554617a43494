//! The requests behind deeds, and what can be bought.

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, OrderItem, return_request};
use digota_proto::paymentpb::{self, Card, CardType, Currency, PaymentProviderId};
use digota_proto::productpb;
use digota_proto::skupb::{self, Inventory, inventory};
use uuid::Uuid;

use super::{Ask, Known, People, Told};
use crate::plan::{Deed, Means, What};

/// A tax on every order, so that its sum is more than a price times a quantity.
const TAX: i64 = 170;

/// Something that can be bought.
#[derive(Clone, Copy, Debug)]
pub struct Ware {
    /// Its SKU.
    pub sku: Uuid,
    /// The price of one, in cents.
    pub price: i64,
    /// How many there were at first; `None` if it never runs out.
    pub initial: Option<i64>,
}

/// An id on the wire.
pub fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

/// A product to put SKUs under.
pub(super) fn new_product() -> Ask {
    Ask::NewProduct(productpb::NewRequest { name: "Tea".to_owned(), active: true, ..Default::default() })
}

/// A SKU, with its first stock.
pub(super) fn new_sku(product: &str, number: usize, initial: Option<i64>) -> Ask {
    let kind = if initial.is_some() { inventory::Type::Finite } else { inventory::Type::Infinite };
    Ask::NewSku(skupb::NewRequest {
        name: format!("Tea {number}"),
        currency: Currency::Usd.into(),
        active: true,
        price: price(number).unsigned_abs(),
        parent: product.to_owned(),
        inventory: Some(Inventory { quantity: initial.unwrap_or(0), r#type: kind.into(), version: 0 }),
        ..Default::default()
    })
}

/// The price of a SKU, in cents.
pub(super) fn price(number: usize) -> i64 {
    1300 + 450 * i64::try_from(number).unwrap_or(0)
}

impl Known {
    /// What an order of these goods costs, as its client computes it.
    pub fn total(&self, goods: &[(usize, i64)]) -> i64 {
        let prices = goods.iter().map(|(sku, pieces)| self.wares[*sku].price * pieces);
        prices.sum::<i64>() + TAX
    }
}

impl People {
    /// What a deed asks for; `None` where it makes no sense, since what it is about is not there.
    pub(super) fn request(&self, deed: &Deed) -> Option<Ask> {
        let known = self.known();
        let order = |deed: usize| known.order(deed).map(|id| id.to_string());
        let charge = |deed: usize| match known.made(deed)? {
            Told::Charge(charge) => Some((charge.id.clone(), charge.charge_amount)),
            _ => None,
        };
        Some(match &deed.what {
            What::Order { goods } => Ask::NewOrder(new_order(&known, goods)),
            What::Pay { order: made, with, patient } => {
                let (card, token) = source(*with);
                Ask::Pay(orderpb::PayRequest {
                    id: order(*made)?,
                    card,
                    payment_token: token,
                    payment_provider_id: PaymentProviderId::Sandbox.into(),
                    allow_pending: *patient,
                    ..Default::default()
                })
            }
            What::Refund { order: made, percent } => {
                let id = known.charge_of(*made)?.to_string();
                let amount = known.total(known.goods(*made)?) * percent / 100;
                Ask::Refund(paymentpb::RefundRequest {
                    id,
                    amount: amount.unsigned_abs(),
                    ..Default::default()
                })
            }
            What::Return { order: made, pieces } => {
                let (sku, _) = *known.goods(*made)?.first()?;
                let parent = known.wares[sku].sku.to_string();
                let some = return_request::Item { parent, quantity: *pieces };
                let items = if *pieces == 0 { vec![] } else { vec![some] };
                let id = order(*made)?;
                Ask::Return(orderpb::ReturnRequest { id, items, restock: true, ..Default::default() })
            }
            What::Cancel { order: made } => {
                Ask::Cancel(orderpb::CancelRequest { id: order(*made)?, ..Default::default() })
            }
            What::Fulfill { order: made } => {
                Ask::Fulfill(orderpb::FulfillRequest { id: order(*made)?, ..Default::default() })
            }
            What::Charge { amount, with, later } => Ask::Charge(new_charge(*amount, *with, *later)),
            What::Capture { charge: made, percent } => {
                let (id, total) = charge(*made)?;
                let amount = total * percent.unsigned_abs() / 100;
                Ask::Capture(paymentpb::CaptureRequest { id, amount, ..Default::default() })
            }
            What::Void { charge: made } => {
                Ask::Void(paymentpb::VoidRequest { id: charge(*made)?.0, ..Default::default() })
            }
            What::Adjust { sku, by } => Ask::Adjust(skupb::AdjustInventoryRequest {
                id: known.wares[*sku].sku.to_string(),
                delta: *by,
                reason: "counted".to_owned(),
                ..Default::default()
            }),
            What::Look { order: made } => Ask::Order(orderpb::GetRequest { id: order(*made)? }),
            What::Again { .. } | What::Settle { .. } => return None,
        })
    }
}

impl Known {
    fn goods(&self, deed: usize) -> Option<&[(usize, i64)]> {
        match &self.calls.get(&deed)?.what {
            What::Order { goods } => Some(goods),
            _ => None,
        }
    }

    /// The charge that paid an order, as one of its payers was told.
    fn charge_of(&self, deed: usize) -> Option<Uuid> {
        let pays = self
            .calls
            .iter()
            .filter(|(_, call)| matches!(call.what, What::Pay { order, .. } if order == deed));
        let mut charges = pays.filter_map(|(number, _)| match self.made(*number)? {
            Told::Order(order) => id(&order.charge_id),
            _ => None,
        });
        charges.next()
    }
}

fn new_order(known: &Known, goods: &[(usize, i64)]) -> orderpb::NewRequest {
    let item = |kind: Type, quantity, amount, parent: String| OrderItem {
        r#type: kind.into(),
        quantity,
        amount,
        currency: Currency::Usd.into(),
        parent,
        ..OrderItem::default()
    };
    let wares = goods.iter().map(|(sku, pieces)| (known.wares[*sku].sku.to_string(), *pieces));
    let mut items: Vec<OrderItem> = wares.map(|(sku, pieces)| item(Type::Sku, pieces, 0, sku)).collect();
    items.push(item(Type::Tax, 1, TAX, String::new()));
    let email = "buyer@example.com".to_owned();
    orderpb::NewRequest { currency: Currency::Usd.into(), items, email, ..Default::default() }
}

fn new_charge(amount: i64, with: Means, later: bool) -> paymentpb::ChargeRequest {
    let (card, token) = source(with);
    paymentpb::ChargeRequest {
        total: amount.unsigned_abs(),
        currency: Currency::Usd.into(),
        card,
        payment_token: token,
        payment_provider_id: PaymentProviderId::Sandbox.into(),
        statement: "Tea".to_owned(),
        capture_later: later,
        ..Default::default()
    }
}

/// A card, or a token by which the gateway knows what to do.
fn source(with: Means) -> (Option<Card>, String) {
    let token = match with {
        Means::Card => {
            let card = Card {
                number: "4242424242424242".to_owned(),
                expire_month: "12".to_owned(),
                expire_year: "2040".to_owned(),
                cvc: "123".to_owned(),
                r#type: CardType::Visa.into(),
                ..Card::default()
            };
            return (Some(card), String::new());
        }
        Means::Token => "tok_ok",
        Means::Declined => "tok_card_declined",
        Means::LoseAfter => "tok_lose_after",
        Means::LoseBefore => "tok_lose_before",
        Means::NeverSent => "tok_never_sent",
        Means::Pending => "tok_pending",
        Means::Challenge => "tok_challenge",
    };
    (None, token.to_owned())
}
