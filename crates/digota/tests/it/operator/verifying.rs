//! `digota verify`: what adds up, and what does not.

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Server, by_token};

#[tokio::test]
async fn a_shop_that_adds_up_is_told_so_while_it_serves() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let paid = shop.paid(&sku, 2).await;
    shop.give_back(&paid).await.unwrap();
    shop.pay_by(by_token(&shop.order(&sku, 1).await, "card_declined")).await.unwrap_err();
    let said = server.command(&["verify"]).await.unwrap();
    assert!(said.contains("2 orders") && said.contains("rules hold"), "{said}");
    let json: Value = serde_json::from_str(&server.command(&["verify", "--json"]).await.unwrap()).unwrap();
    assert_eq!((&json["orders"], &json["charges"]), (&2.into(), &2.into()));
    assert_eq!(json["violations"], Value::Array(vec![]));
    let rules = server.command(&["verify", "--rules"]).await.unwrap();
    assert!(rules.lines().count() > 10 && rules.contains("stock-ledger"), "{rules}");
}

#[tokio::test]
async fn what_does_not_add_up_is_named_and_the_command_fails() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let sku = shop.sku(5).await;
    let order = shop.paid(&sku, 2).await;
    drop(shop);
    server.stop().await;
    let hand = Connection::open(server.path("digota.db")).unwrap();
    hand.execute("UPDATE stock SET on_hand = on_hand + 1", []).unwrap();
    hand.execute("UPDATE orders SET body = json_set(body, '$.refunded', 7)", []).unwrap();
    drop(hand);
    let said = server.command(&["verify"]).await.unwrap_err();
    for part in ["A2 stock-ledger", &sku.id, "B6 sums-agree", &order.id, "breaks rules in"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = server.command(&["verify", "--json"]).await.unwrap_err();
    let json: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    let about: Vec<_> = json["violations"].as_array().unwrap().iter().map(|v| v["rule"].clone()).collect();
    assert!(about.contains(&"A2".into()) && about.contains(&"B6".into()), "{json}");
}

#[tokio::test]
async fn what_can_not_be_read_is_told_as_such() {
    let server = Server::start().await;
    std::fs::write(server.path("letter.db"), "dear database ".repeat(100)).unwrap();
    let said = server.command(&["verify", "--database", "letter.db"]).await.unwrap_err();
    assert!(said.contains("it is not a database"), "{said}");
    let said = server.command(&["verify", "--database", "missing.db"]).await.unwrap_err();
    assert!(said.contains("missing.db"), "{said}");
}
