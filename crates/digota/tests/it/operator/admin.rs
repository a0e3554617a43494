//! `adminpb.AdminService` through gRPC.

use digota_proto::adminpb::payment::{Operation, State};
use digota_proto::adminpb::settle_request::Verdict;
use digota_proto::adminpb::{
    BackupChunk, BackupRequest, GetPaymentRequest, ListPaymentsRequest, SettleRequest, StatsRequest,
    list_payments_request,
};
use digota_proto::paymentpb::PaymentProviderId;
use tonic::{Code, Streaming};

use crate::harness::{Client, Server, assert_invalid, assert_refused, by_token, with_deadline};

/// An order whose payment is pending at the gateway for a while, and the payment.
async fn pending(shop: &Client, owner: &Client) -> digota_proto::adminpb::Payment {
    let order = shop.order(&shop.sku(5).await, 1).await;
    let request = by_token(&order, "challenge");
    let request = digota_proto::orderpb::PayRequest { allow_pending: true, ..request };
    shop.pay_by(request).await.unwrap();
    let open = owner.admin().list_payments(ListPaymentsRequest::default()).await.unwrap().into_inner();
    assert_eq!(open.payments.len(), 1);
    let payment = open.payments[0].clone();
    assert_eq!(payment.order_id, order.id);
    payment
}

#[tokio::test]
async fn open_payments_are_listed_read_and_counted() {
    let server = Server::start().await;
    let (shop, owner) = (server.shop().await, server.client("owner").await);
    let payment = pending(&shop, &owner).await;
    assert_eq!((payment.operation(), payment.state()), (Operation::Charge, State::RequiresAction));
    assert_eq!((payment.provider_id(), payment.amount), (PaymentProviderId::Sandbox, 4726));
    assert!(payment.next_check > 0 && payment.sent > 0 && !payment.review);
    let read = owner.admin().get_payment(GetPaymentRequest { id: payment.id.clone() }).await.unwrap();
    assert_eq!(read.into_inner().id, payment.id);
    let unknown =
        ListPaymentsRequest { view: list_payments_request::View::Unknown.into(), ..Default::default() };
    assert_eq!(owner.admin().list_payments(unknown).await.unwrap().into_inner().payments, []);
    let stats = owner.admin().stats(StatsRequest {}).await.unwrap().into_inner();
    assert_eq!(
        (stats.storage.as_str(), stats.server_version.as_str()),
        ("sqlite", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!((stats.products, stats.skus, stats.charges, stats.open_payments), (1, 1, 1, 1));
    assert_eq!((stats.unknown_payments, stats.oldest_unknown, stats.review_payments), (0, 0, 0));
    assert_eq!((stats.orders["Created"], stats.orders["Paid"]), (1, 0));
    assert!(stats.started > 0 && stats.event_position >= 4);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_by_field() {
    let server = Server::start().await;
    let (shop, owner) = (server.shop().await, server.client("owner").await);
    let payment = pending(&shop, &owner).await;
    let listed = |request| {
        let owner = owner.clone();
        async move { owner.admin().list_payments(request).await }
    };
    assert_invalid(listed(ListPaymentsRequest { view: 9, ..Default::default() }).await, &["view"]);
    assert_invalid(listed(ListPaymentsRequest { limit: -1, ..Default::default() }).await, &["limit"]);
    assert_invalid(
        listed(ListPaymentsRequest { cursor: "x".into(), ..Default::default() }).await,
        &["cursor"],
    );
    let settle = |request| {
        let owner = owner.clone();
        async move { owner.admin().settle(request).await }
    };
    let all = SettleRequest {
        id: "7".into(),
        verdict: Verdict::Succeeded.into(),
        expected_version: -1,
        ..Default::default()
    };
    assert_invalid(settle(all).await, &["id", "expected_version", "note", "provider_reference"]);
    let verdict = SettleRequest { id: payment.id.clone(), verdict: 9, ..Default::default() };
    assert_invalid(settle(verdict).await, &["verdict"]);
    let stale = SettleRequest { id: payment.id.clone(), expected_version: 99, ..Default::default() };
    assert_refused(settle(stale).await, Code::Aborted, "VERSION_STALE");
    let nobody = SettleRequest { id: payment.charge_id.clone(), ..Default::default() };
    assert_refused(settle(nobody).await, Code::NotFound, "NOT_FOUND");
    let early = SettleRequest {
        id: payment.id.clone(),
        verdict: Verdict::Reviewed.into(),
        note: "too early".into(),
        ..Default::default()
    };
    assert_refused(settle(early).await, Code::FailedPrecondition, "PAYMENT_IN_PROGRESS");
    let unheard = SettleRequest {
        id: payment.id.clone(),
        verdict: Verdict::Succeeded.into(),
        provider_reference: "ch_1".into(),
        note: "I am sure".into(),
        ..Default::default()
    };
    assert_refused(settle(unheard).await, Code::FailedPrecondition, "GATEWAY_DISAGREES");
    assert_refused(
        owner.admin().get_payment(GetPaymentRequest { id: payment.charge_id }).await,
        Code::NotFound,
        "NOT_FOUND",
    );
}

/// All of a copy that is being sent.
async fn received(mut chunks: Streaming<BackupChunk>) -> usize {
    let (mut bytes, mut size) = (0, 0);
    while let Some(chunk) = chunks.message().await.unwrap() {
        (bytes, size) = (bytes + chunk.data.len(), chunk.size);
    }
    assert!(size > 0 && i64::try_from(bytes) == Ok(size), "{bytes} of {size}");
    bytes
}

#[tokio::test]
async fn of_two_backups_at_once_one_is_told_to_wait() {
    let server = Server::start().await;
    let (one, other) = (server.client("owner").await, server.client("owner").await);
    let one_is_refused = async || {
        let (mut first, mut second) = (one.admin(), other.admin());
        let both = tokio::join!(first.backup(BackupRequest {}), second.backup(BackupRequest {}));
        match both {
            (Ok(sent), Err(refused)) | (Err(refused), Ok(sent)) => {
                received(sent.into_inner()).await;
                Some(refused)
            }
            // The first was sent before the second was asked for.
            (first, second) => {
                received(first.unwrap().into_inner()).await;
                received(second.unwrap().into_inner()).await;
                None
            }
        }
    };
    let refused = crate::harness::eventually("they meet", one_is_refused).await;
    assert_refused(Err::<(), _>(refused), Code::Aborted, "BUSY");
    received(one.admin().backup(BackupRequest {}).await.unwrap().into_inner()).await;
    let left: Vec<_> = std::fs::read_dir(server.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("copy")), "{left:?}");
}

/// Whoever hangs up on a settlement has it done all the same.
#[tokio::test]
async fn a_settlement_is_not_cut_in_half() {
    let server = Server::start().await;
    let (shop, owner) = (server.shop().await, server.client("owner").await);
    let payment = pending(&shop, &owner).await;
    let fail = SettleRequest {
        id: payment.id.clone(),
        verdict: Verdict::Failed.into(),
        note: "the buyer gave up".into(),
        ..Default::default()
    };
    let request = with_deadline(fail, std::time::Duration::from_millis(1));
    let _ = owner.admin().settle(request).await;
    let read = async || {
        let read = owner.admin().get_payment(GetPaymentRequest { id: payment.id.clone() }).await;
        let read = read.unwrap().into_inner();
        // The call may not have left at all within a millisecond.
        (read.state() == State::Failed || read.remarks.is_empty()).then_some(read)
    };
    let read = crate::harness::eventually("it is settled, or was never asked for", read).await;
    if read.state() == State::Failed {
        assert_eq!(read.remarks[0].by, "owner");
        assert_eq!(shop.read_order(&payment.order_id).await.pending_charge, None);
    }
}
