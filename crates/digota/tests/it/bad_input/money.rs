//! Orders and payments that can not be.

use digota_proto::orderpb::order_item::Type;
use digota_proto::orderpb::{self, CancelRequest, FulfillRequest, OrderItem, PayRequest, ReturnRequest};
use digota_proto::paymentpb::{self, ChargeRequest, PaymentProviderId, RefundRequest};

use super::table::{all_refused, pairs};
use crate::harness::{Client, Server, line, moved, payment};

fn fee(amount: i64) -> OrderItem {
    line(Type::Tax, amount)
}

/// Rows 21 to 29, 33, 37, 49 to 58, 81, 82, 86 and 88, for orders.
#[tokio::test]
async fn orders_that_are_wrong_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    all_refused! { shop.orders(), create, Client::some_order(vec![fee(100)]),
        ["currency"] |r: &mut orderpb::NewRequest| r.currency = 0;
        ["currency"] |r: &mut orderpb::NewRequest| r.currency = 129;
        ["currency"] |r: &mut orderpb::NewRequest| r.currency = -7;
        ["items"] |r: &mut orderpb::NewRequest| r.items = vec![];
        ["items"] |r: &mut orderpb::NewRequest| r.items = vec![fee(1); 201];
        ["items"] |r: &mut orderpb::NewRequest| r.items = vec![fee(10_000_000_000); 101];
        ["items[0].type"] |r: &mut orderpb::NewRequest| r.items[0].r#type = 0;
        ["items[0].type"] |r: &mut orderpb::NewRequest| r.items[0].r#type = 5;
        ["items[0].type"] |r: &mut orderpb::NewRequest| r.items[0].r#type = 9999;
        ["items[0].type"] |r: &mut orderpb::NewRequest| r.items[0].r#type = -1;
        ["items[0].quantity"] |r: &mut orderpb::NewRequest| r.items[0].quantity = -1;
        ["items[0].quantity"] |r: &mut orderpb::NewRequest| r.items[0].quantity = i64::MIN;
        ["items[0].quantity"] |r: &mut orderpb::NewRequest| r.items[0].quantity = i64::MAX;
        ["items[0].quantity"] |r: &mut orderpb::NewRequest| r.items[0].quantity = 1_000_001;
        ["items[0].amount"] |r: &mut orderpb::NewRequest| r.items[0].amount = -1;
        ["items[0].amount"] |r: &mut orderpb::NewRequest| r.items[0].amount = i64::MAX;
        ["items[0].amount"] |r: &mut orderpb::NewRequest| r.items[0].amount = i64::MIN;
        ["items[0].currency"] |r: &mut orderpb::NewRequest| r.items[0].currency = 34;
        ["items[0].currency"] |r: &mut orderpb::NewRequest| r.items[0].currency = 129;
        ["items[0].description"] |r: &mut orderpb::NewRequest| r.items[0].description = "a\0b".into();
        ["items[0].parent"] |r: &mut orderpb::NewRequest| r.items[0].r#type = Type::Sku.into();
        ["email"] |r: &mut orderpb::NewRequest| r.email = "ada".into();
        ["email"] |r: &mut orderpb::NewRequest| r.email = "ada@one@two".into();
        ["email"] |r: &mut orderpb::NewRequest| r.email = format!("{}@example.com", "a".repeat(300));
        ["email"] |r: &mut orderpb::NewRequest| r.email = "ada@example.com\r\nBcc: all@example.com".into();
        ["shipping.phone"] |r: &mut orderpb::NewRequest| r.shipping = Some(orderpb::Shipping { phone: "1".repeat(1024), ..Default::default() });
        ["shipping.name"] |r: &mut orderpb::NewRequest| r.shipping = Some(orderpb::Shipping { name: "a\0".into(), ..Default::default() });
        ["shipping.address.city"] |r: &mut orderpb::NewRequest| {
            let address = orderpb::shipping::Address { city: "a\nb".into(), ..Default::default() };
            r.shipping = Some(orderpb::Shipping { address: Some(address), ..Default::default() });
        };
        ["metadata"] |r: &mut orderpb::NewRequest| r.metadata = pairs(51, |i| format!("k{i}"), "v");
    }
    let list = shop.orders().list(orderpb::ListRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.total, 0);
}

/// Real money, and a page after it that everybody on the way can read.
fn plain() -> (i32, String) {
    (PaymentProviderId::Stripe.into(), "http://shop.example/thanks".into())
}

/// Rows 28, 29, 38 and 39, for payments.
#[tokio::test]
async fn payments_that_are_wrong_are_refused_and_no_gateway_hears_of_them() {
    let server = Server::start().await;
    let shop = server.shop().await;
    all_refused! { shop.payments(), new_charge, Client::some_charge(100),
        ["currency"] |r: &mut ChargeRequest| r.currency = 0;
        ["currency"] |r: &mut ChargeRequest| r.currency = 129;
        ["total"] |r: &mut ChargeRequest| r.total = 0;
        ["total"] |r: &mut ChargeRequest| r.total = 1_000_000_000_001;
        ["total"] |r: &mut ChargeRequest| r.total = u64::MAX;
        ["Card"] |r: &mut ChargeRequest| r.card = None;
        ["payment_token"] |r: &mut ChargeRequest| r.payment_token = "tok_visa".into();
        ["email"] |r: &mut ChargeRequest| r.email = "ada".into();
        ["statement"] |r: &mut ChargeRequest| r.statement = "x".repeat(513);
        ["paymentProviderId"] |r: &mut ChargeRequest| r.payment_provider_id = 0;
        ["return_url"] |r: &mut ChargeRequest| r.return_url = "javascript:alert(1)".into();
        ["return_url"] |r: &mut ChargeRequest| (r.payment_provider_id, r.return_url) = plain();
        ["Card.Number"] |r: &mut ChargeRequest| r.card.as_mut().unwrap().number = String::new();
        ["Card.FirstName"] |r: &mut ChargeRequest| r.card.as_mut().unwrap().first_name = "a\0".into();
        ["Card.type"] |r: &mut ChargeRequest| r.card.as_mut().unwrap().r#type = 0;
        ["metadata[\"\"]"] |r: &mut ChargeRequest| r.metadata = pairs(1, |_| String::new(), "v");
    }
    let order = shop.order(&shop.sku(5).await, 1).await;
    all_refused! { shop.orders(), pay, payment(&order),
        ["card"] |r: &mut PayRequest| r.card = None;
        ["payment_token"] |r: &mut PayRequest| r.payment_token = "tok_visa".into();
        ["payment_token"] |r: &mut PayRequest| (r.card, r.payment_token) = (None, "x".repeat(10_000));
        ["return_url"] |r: &mut PayRequest| r.return_url = "file:///etc/passwd".into();
        ["return_url"] |r: &mut PayRequest| (r.payment_provider_id, r.return_url) = plain();
        ["expected_version"] |r: &mut PayRequest| r.expected_version = -1;
    }
    assert!(server.journal().is_empty());
    let paid = shop.pay(&order).await.unwrap();
    let back = RefundRequest { id: paid.charge_id.clone(), ..Default::default() };
    all_refused! { shop.payments(), refund_charge, back.clone(),
        ["amount"] |r: &mut RefundRequest| r.amount = u64::MAX;
        ["amount"] |r: &mut RefundRequest| r.amount = 1 << 63;
        ["reason"] |r: &mut RefundRequest| r.reason = 4;
        ["reason"] |r: &mut RefundRequest| r.reason = -1;
        ["expected_version"] |r: &mut RefundRequest| r.expected_version = -1;
    }
    let back = ReturnRequest { id: order.id.clone(), ..Default::default() };
    all_refused! { shop.orders(), r#return, back.clone(),
        ["amount"] |r: &mut ReturnRequest| r.amount = -1;
        ["amount"] |r: &mut ReturnRequest| r.amount = i64::MIN;
        ["amount"] |r: &mut ReturnRequest| r.amount = i64::MAX;
        ["reason"] |r: &mut ReturnRequest| r.reason = 9999;
        ["expected_version"] |r: &mut ReturnRequest| r.expected_version = -1;
    }
    let sent = FulfillRequest { id: order.id.clone(), ..Default::default() };
    all_refused! { shop.orders(), fulfill, sent.clone(),
        ["carrier"] |r: &mut FulfillRequest| r.carrier = "x".repeat(513);
        ["trackingNumber"] |r: &mut FulfillRequest| r.tracking_number = "a\0".into();
    }
    let cancel = CancelRequest { id: order.id.clone(), ..Default::default() };
    all_refused! { shop.orders(), cancel, cancel.clone(),
        ["reason"] |r: &mut CancelRequest| r.reason = "x".repeat(257);
    }
    assert_eq!(moved(&server.journal()), [4726]);
    assert_eq!(shop.read_order(&order.id).await, paid);
}

/// Rows 55 and 56.
#[tokio::test]
async fn amounts_are_smallest_units_of_any_currency() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for currency in [paymentpb::Currency::Jpy, paymentpb::Currency::Kwd, paymentpb::Currency::Eur] {
        let new = ChargeRequest { currency: currency.into(), ..Client::some_charge(100) };
        let charge = shop.charge(new).await.unwrap();
        assert_eq!((charge.charge_amount, charge.currency()), (100, currency));
    }
    assert_eq!(moved(&server.journal()), [100, 100, 100]);
}
