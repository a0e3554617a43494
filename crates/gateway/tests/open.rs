//! Gateways are opened by name, as the configuration has them.

mod support;

use std::sync::Arc;

use digota_core::port::Gateway;
use digota_core::port::gateway::{GatewayError, Outcome};
use digota_gateway::{NAMES, OpenError};
use serde_json::{Value, json};
use support::*;

fn open(name: &str, settings: Value) -> Result<Arc<dyn Gateway>, OpenError> {
    digota_gateway::open(name, settings, options().clock)
}

#[tokio::test]
async fn every_name_opens_a_gateway() {
    for name in NAMES {
        let gateway = open(name, json!({ "total_limit_ms": 5000 })).expect("a gateway");
        assert_eq!(gateway.capabilities().total_limit.as_millis(), 5000, "{name}");
    }
    let error = open("stroipe", json!({})).err().expect("no such name").to_string();
    assert!(error.contains("stroipe") && error.contains("sandbox"), "{error}");
}

#[tokio::test]
async fn a_setting_that_is_none_is_refused() {
    assert!(matches!(open("sandbox", json!({ "jurnal": "x" })), Err(OpenError::Settings(_))));
    assert!(matches!(open("sandbox", json!({ "url": "sandbox:3052" })), Err(OpenError::Http(_))));
    assert!(matches!(open("sandbox", json!({ "journal": "/nowhere/x" })), Err(OpenError::Record(_))));
}

#[tokio::test]
async fn a_sandbox_inside_the_process_can_show_its_challenges_to_browsers() {
    let gateway = open("sandbox", json!({ "listen": "127.0.0.1:0" })).expect("a gateway");
    let answer = gateway.charge(&call(), &intent(100), &token("challenge"), None).await.expect("an answer");
    let Outcome::RequiresAction(action) = answer.outcome else { panic!("{:?}", answer.outcome) };
    let address = action.url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("a URL").0;
    tokio::net::TcpStream::connect(address).await.expect("somebody listens there");
}

#[tokio::test]
async fn a_sandbox_elsewhere_that_is_not_there_executes_nothing() {
    let gateway = open("sandbox", json!({ "url": "http://127.0.0.1:1" })).expect("a gateway");
    let answer = gateway.charge(&call(), &intent(100), &token("visa"), None).await;
    assert!(matches!(answer, Err(GatewayError::NotExecuted { .. })), "{answer:?}");
}
