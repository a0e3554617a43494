//! `digota payments`: from a payment that nobody knows anything of to one that is settled.

use std::time::Duration;

use digota_proto::eventpb;
use digota_proto::orderpb::{Order, order};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::{
    Client, Gateway, Pki, Sandbox, Server, Setup, assert_refused, by_token, digota, eventually, moved, run,
    with_deadline,
};

/// A server beside a sandbox that took an order's money, did not say so, and is gone.
struct Stage {
    server: Server,
    shop: Client,
    sandbox: Sandbox,
    order: Order,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Stage {
        let folder = TempDir::new().unwrap();
        let sandbox = Sandbox::start(&["--journal", &journal(&folder)]).await;
        let setup = Setup { gateway: Gateway::At(sandbox.url()), ..Setup::default() };
        let server = Server::with(setup).await;
        let shop = server.shop().await;
        let order = shop.order(&shop.sku(5).await, 1).await;
        let request = with_deadline(by_token(&order, "lose_after"), Duration::from_millis(500));
        let answer = shop.orders().pay(request).await;
        let mut stage = Stage { server, shop, sandbox, order, folder };
        assert_eq!(moved(&stage.sandbox.journal().await), [4726]);
        stage.sandbox.process.kill();
        assert_refused(answer, Code::DeadlineExceeded, "PAYMENT_PENDING");
        stage
    }

    /// The only payment of unknown outcome.
    async fn unknown(&self) -> Value {
        let listed = async || {
            let text =
                self.server.operator(&["payments", "list", "--view", "unknown", "--json"]).await.ok()?;
            serde_json::from_str::<Value>(text.lines().next()?).ok()
        };
        eventually("the outcome is unknown", listed).await
    }

    /// Settles it as these words say, once nobody else looks at it.
    async fn settle(&self, id: &str, words: &[&str]) -> Result<String, String> {
        let mut words = [&["payments", "settle", id], words].concat();
        words.push("--json");
        let settled = async || {
            let answer = self.server.operator(&words).await;
            let busy = matches!(&answer, Err(text) if text.contains("(BUSY)"));
            (!busy).then_some(answer)
        };
        eventually("nobody else looks at it", settled).await
    }
}

fn journal(folder: &TempDir) -> String {
    folder.path().join("sandbox.jsonl").to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_payment_is_settled_by_asking_again_once_the_gateway_is_back() {
    let stage = Stage::set().await;
    let payment = stage.unknown().await;
    let id = payment["id"].as_str().unwrap();
    assert_eq!((&payment["state"], &payment["amount"]), (&"unknown".into(), &4726.into()));
    assert_eq!(payment["order_id"], stage.order.id.as_str());
    let silent = stage.settle(id, &[]).await.unwrap_err();
    assert!(silent.contains("gateway is unavailable") && silent.contains("UNAVAILABLE"), "{silent}");
    let _sandbox = stage.sandbox.again(&["--journal", &journal(&stage.folder)]).await;
    let settled: Value = serde_json::from_str(&stage.settle(id, &[]).await.unwrap()).unwrap();
    assert_eq!(settled["state"], "succeeded");
    assert_eq!(
        (&settled["remarks"][0]["by"], &settled["remarks"][0]["verdict"]),
        (&"owner".into(), &"ask_gateway".into())
    );
    assert_eq!(stage.shop.read_order(&stage.order.id).await.status(), order::Status::Paid);
    let none = stage.server.operator(&["payments", "list"]).await.unwrap();
    assert_eq!(none, "there are none\n");
}

#[tokio::test]
async fn a_payment_is_settled_by_a_persons_word_while_the_gateway_is_gone() {
    let stage = Stage::set().await;
    let id = stage.unknown().await["id"].as_str().unwrap().to_owned();
    let words = ["--succeeded", "--reference", "ch_4711", "--note", "seen in the dashboard, Ada"];
    let settled: Value = serde_json::from_str(&stage.settle(&id, &words).await.unwrap()).unwrap();
    assert_eq!((&settled["state"], &settled["review"]), (&"succeeded".into(), &false.into()));
    let order = stage.shop.read_order(&stage.order.id).await;
    assert_eq!(order.status(), order::Status::Paid);
    let charge = stage.shop.read_charge(&order.charge_id).await;
    assert_eq!((charge.provider_charge_id.as_str(), charge.paid), ("ch_4711", true));

    // Who, when, what and why: with the payment, and told to those who follow.
    let shown = stage.server.operator(&["payments", "show", &id]).await.unwrap();
    assert!(
        shown.contains("owner said that it happened, as ch_4711 (seen in the dashboard, Ada)"),
        "{shown}"
    );
    let events = stage.shop.events().watch(eventpb::WatchRequest::default()).await.unwrap();
    let mut events = events.into_inner();
    let told = loop {
        let event = events.message().await.unwrap().unwrap();
        if event.r#type == "charge.succeeded" {
            break serde_json::from_str::<Value>(&event.body).unwrap();
        }
    };
    assert_eq!((&told["by"], &told["verdict"]), (&"owner".into(), &"succeeded".into()));
    assert_eq!(told["note"], "seen in the dashboard, Ada");

    let again = stage.settle(&id, &["--failed", "--note", "no, it did not"]).await.unwrap_err();
    assert!(again.contains("settled already") && again.contains("PAYMENT_SETTLED"), "{again}");
}

#[tokio::test]
async fn a_table_for_people_says_what_is_known() {
    let stage = Stage::set().await;
    stage.unknown().await;
    let table = stage.server.operator(&["payments", "list"]).await.unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..5], ["ID", "WHAT", "STATE", "AMOUNT", "PROVIDER"]);
    assert_eq!((lines.len(), &lines[1][1..6]), (2, &["charge", "unknown", "47.26", "USD", "Sandbox"][..]));
    assert!(table.contains(&stage.order.id), "{table}");
}

#[tokio::test]
async fn who_may_not_ask_or_asks_wrongly_is_told_what_to_do() {
    let server = Server::start().await;
    let (address, pki) = (server.address.to_string(), Pki::shared());
    let ask = async |words: &[&str]| {
        let mut command = digota(words);
        command.current_dir(server.path(""));
        tokio::task::spawn_blocking(|| run(command)).await.unwrap()
    };
    let by =
        |name: &str| [pki.path(&format!("{name}.crt")), pki.path(&format!("{name}.key")), pki.path("ca.crt")];
    let list = async |name: &str, address: &str| {
        let [crt, key, ca] = by(name);
        ask(&["payments", "list", "--address", address, "--crt", &crt, "--key", &key, "--cacrt", &ca]).await
    };
    for (name, text) in [("shop", "it may not administer"), ("stranger", "does not know this certificate")] {
        let (good, said) = list(name, &address).await;
        assert!(!good && said.contains(text) && said.contains("WILDCARD"), "{said}");
    }
    let (good, said) = list("owner", "127.0.0.1:1").await;
    assert!(!good && said.contains("can't reach a node at 127.0.0.1:1"), "{said}");
    let (good, said) = ask(&["payments", "list"]).await;
    assert!(
        !good && said.contains("--crt (or the setting operator.crt)") && said.contains("ca issue"),
        "{said}"
    );
    let (good, said) = ask(&["payments", "settle", "7", "--failed"]).await;
    assert!(!good && said.contains("--note"), "{said}");
    let (good, said) = ask(&["payments", "settle", "7", "--failed", "--reviewed", "--note", "x"]).await;
    assert!(!good && said.contains("cannot be used with"), "{said}");
    let invalid = server.operator(&["payments", "show", "7"]).await.unwrap_err();
    assert!(invalid.contains("id must be a UUID"), "{invalid}");
    let (good, help) = ask(&["payments", "settle", "--help"]).await;
    assert!(good && help.contains("Examples:") && help.contains("--succeeded"), "{help}");
}

/// The settings say where the node is and who asks, so that commands need no flags.
#[tokio::test]
async fn the_settings_may_name_the_operators_certificate() {
    let server = Server::start().await;
    let pki = Pki::shared();
    let mut command = digota(&["payments", "list"]);
    command.current_dir(server.path("")).envs([
        ("DIGOTA_OPERATOR_ADDRESS", server.address.to_string()),
        ("DIGOTA_OPERATOR_CRT", pki.path("owner.crt")),
        ("DIGOTA_OPERATOR_KEY", pki.path("owner.key")),
    ]);
    let (good, said) = tokio::task::spawn_blocking(|| run(command)).await.unwrap();
    assert!(good, "{said}");
    assert_eq!(said, "there are none\n");
}
