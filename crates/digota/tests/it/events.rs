//! Events: every committed change, once, in order.

use std::time::Duration;

use digota_proto::eventpb::{Event, WatchRequest};
use tonic::{Code, Status, Streaming};

use crate::harness::{Client, Server, assert_refused, by_token, fact};

async fn watch(shop: &Client, request: WatchRequest) -> Result<Streaming<Event>, Status> {
    Ok(shop.events().watch(request).await?.into_inner())
}

/// The next so many events.
async fn next(stream: &mut Streaming<Event>, count: usize) -> Vec<Event> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        let event = tokio::time::timeout(Duration::from_secs(10), stream.message()).await;
        events.push(event.expect("an event is missing").unwrap().unwrap());
    }
    events
}

fn types(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.r#type.as_str()).collect()
}

#[tokio::test]
async fn the_story_of_an_order_is_told_in_order_without_gaps() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut stream = watch(&shop, WatchRequest::default()).await.unwrap();
    let sku = shop.sku(5).await;
    let order = shop.order(&sku, 1).await;
    shop.pay_by(by_token(&order, "card_declined")).await.unwrap_err();
    let paid = shop.pay(&order).await.unwrap();
    shop.give_back(&paid).await.unwrap();
    let last = shop.product().await;
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Event| event.object_id != last.id) {
        events.extend(next(&mut stream, 1).await);
    }
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    let of_order: Vec<Event> = events.iter().filter(|event| event.object_id == order.id).cloned().collect();
    assert_eq!(
        types(&of_order),
        [
            "order.created",
            "order.payment_pending",
            "order.payment_failed",
            "order.payment_pending",
            "order.paid",
            "order.refund_pending",
            "order.canceled",
        ]
    );
    let versions: Vec<i64> = of_order.iter().map(|event| event.object_version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
    assert!(events.iter().all(|event| serde_json::from_str::<serde_json::Value>(&event.body).is_ok()));
}

#[tokio::test]
async fn a_watcher_resumes_after_the_position_that_it_has_seen_even_after_a_crash() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    for _ in 0..4 {
        shop.product().await;
    }
    let first = next(&mut watch(&shop, WatchRequest::default()).await.unwrap(), 4).await;
    server.kill();
    server.start_again().await;
    let shop = server.shop().await;
    let made = shop.product().await;
    let mut stream = watch(&shop, WatchRequest { after: 2, ..Default::default() }).await.unwrap();
    let rest = next(&mut stream, 3).await;
    assert_eq!(rest[..2], first[2..]);
    assert_eq!((rest[2].position, &rest[2].object_id), (5, &made.id));
}

#[tokio::test]
async fn a_watcher_can_ask_for_some_types_and_for_what_is_to_come() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    shop.paid(&sku, 1).await;
    let types_wanted = vec!["order.paid".to_owned()];
    let request = WatchRequest { types: types_wanted, only_new: true, ..Default::default() };
    let mut stream = watch(&shop, request).await.unwrap();
    let second = shop.paid(&sku, 1).await;
    let events = next(&mut stream, 1).await;
    assert_eq!((types(&events), &events[0].object_id), (vec!["order.paid"], &second.id));
}

#[tokio::test]
async fn a_position_that_was_never_given_out_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    shop.product().await;
    let refused = watch(&shop, WatchRequest { after: 2, ..Default::default() }).await.map(|_| ());
    let details = assert_refused(refused, Code::FailedPrecondition, "EVENT_POSITION");
    assert_eq!(fact(&details, "last"), "1");
    watch(&shop, WatchRequest { after: 1, ..Default::default() }).await.unwrap();
}
