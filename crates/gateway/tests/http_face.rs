//! The sandbox over HTTP, as buyers' browsers, tests in other languages and dying clients meet it.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use digota_core::port::gateway::{Finding, Op, Outcome};
use digota_gateway::Limits;
use digota_gateway::sandbox::{Options, Sandbox};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn serve(options: Options) -> (Sandbox, SocketAddr) {
    let sandbox = Sandbox::open(options).expect("a sandbox");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = sandbox.clone();
    tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
    (sandbox, address)
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nIdempotency-Key: k-{path}-{length}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request(method, path, body).as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

fn charge_body(call: &digota_core::port::gateway::Call, extra: &str) -> String {
    format!(r#"{{"reference":"{}","amount":100,"currency":"EUR"{extra}}}"#, call.attempt)
}

const VISA: &str =
    r#","card":{"number":"4242424242424242","cvc":"987","expiry_month":12,"expiry_year":2032}"#;

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_effect() {
    let (sandbox, address) = serve(Options { effect_jitter: Duration::from_millis(50), ..options() }).await;
    let calls: Vec<_> = (0..20).map(|_| call()).collect();
    for call in &calls {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let text = request("POST", "/v1/charges", &charge_body(call, VISA)).replace("k-/", &call.key);
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
        // Long enough to arrive, mostly too short for the effect.
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(stream);
    }
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if sandbox.moved() == 2000 {
            return;
        }
    }
    panic!("{} of 2000 moved", sandbox.moved());
}

#[tokio::test]
async fn a_sandbox_that_stops_carries_out_what_it_took_first() {
    let sandbox =
        Sandbox::open(Options { effect_jitter: Duration::from_millis(80), ..options() }).expect("a sandbox");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = sandbox.clone();
    let server = tokio::spawn(async move {
        let shutdown = async move { stopped.await.unwrap_or_default() };
        served.serve(listener, shutdown).await
    });
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let text = request("POST", "/v1/charges", &charge_body(&call(), VISA));
    stream.write_all(text.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(5)).await;
    drop(stream);
    stop.send(()).expect("a server");
    server.await.expect("no panic").expect("no error");
    assert_eq!(sandbox.moved(), 100);
}

#[tokio::test]
async fn a_buyer_passes_the_challenge_on_its_page_and_is_sent_back() {
    let (sandbox, address) = serve(options()).await;
    let gateway = sandbox.gateway(Limits::default());
    for (method, result, end) in [("POST", "ok", true), ("GET", "ok", true), ("POST", "fail", false)] {
        let call = call();
        let mut intent = intent(100);
        intent.return_url = "https://shop.example/back?order=1".to_owned();
        let answer = gateway.charge(&call, &intent, &token("challenge"), None).await.expect("an answer");
        let Outcome::RequiresAction(action) = answer.outcome else { panic!("{:?}", answer.outcome) };
        let path = action.url.strip_prefix(&format!("http://{address}")).expect("a page of the sandbox");
        assert!(ask(address, "GET", path, "").await.contains("<form"));
        let done = ask(address, method, &format!("{path}?result={result}"), "").await;
        assert!(
            done.starts_with("HTTP/1.1 303") && done.contains("location: https://shop.example/back?order=1")
        );
        let found = gateway.find(&lookup(&call, Op::Charge)).await;
        let Ok(Finding::Found(answer)) = found else { panic!("{found:?}") };
        assert_eq!(answer.outcome == Outcome::Succeeded, end, "{result}");
    }
    assert_eq!(sandbox.moved(), 200);
}

#[tokio::test]
async fn the_api_answers_as_it_is_documented() {
    let (_, address) = serve(options()).await;
    let (paid, refused) = (call(), call());
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    assert_eq!(status(&ask(address, "GET", "/health", "").await), "200");
    let charged = ask(address, "POST", "/v1/charges", &charge_body(&paid, VISA)).await;
    assert!(charged.contains(r#""status":"succeeded","amount":100,"currency":"EUR"}"#), "{charged}");
    let declined = charge_body(&refused, r#","token":"tok_card_declined""#);
    assert_eq!(status(&ask(address, "POST", "/v1/charges", &declined).await), "402");
    let attempt = |id| format!("/v1/attempts/{id}");
    assert_eq!(status(&ask(address, "GET", &attempt(paid.attempt), "").await), "200");
    assert_eq!(status(&ask(address, "GET", &attempt(refused.attempt), "").await), "200");
    assert_eq!(status(&ask(address, "GET", &attempt(call().attempt), "").await), "404");
    let cancel = format!("{}/cancel", attempt(call().attempt));
    assert!(ask(address, "POST", &cancel, "").await.contains(r#""status":"canceled""#));
    let record = ask(address, "GET", "/v1/journal", "").await;
    assert_eq!(record.lines().filter(|line| line.starts_with("{\"seq\":")).count(), 3, "{record}");
    assert!(!record.contains("4242"), "{record}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_repeated() {
    let (sandbox, address) = serve(options()).await;
    let call = call();
    let card = |number: &str| format!(r#","card":{{"number":{number}}}"#);
    for (body, want) in [
        (String::new(), "400"),
        (charge_body(&call, ""), "400"),
        (charge_body(&call, &format!(r#"{VISA},"token":"tok_visa""#)), "400"),
        (charge_body(&call, &card("4242424242424242")), "400"),
        (charge_body(&call, VISA).replace("EUR", "EURO"), "400"),
        (charge_body(&call, VISA).replace("100", "1e2"), "400"),
        ("4".repeat(70_000), "413"),
    ] {
        let answer = ask(address, "POST", "/v1/charges", &body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {want}")), "{answer}");
        assert!(!answer.contains("4242"), "{answer}");
    }
    let keyless =
        request("POST", "/v1/charges", &charge_body(&call, VISA)).replace("Idempotency-Key", "X-Key");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(keyless.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    for path in ["/", "/v1/charges/x/capture", "/v1/charges/ch_1/fly", "/challenge/x?result=ok"] {
        let answer = ask(address, "POST", path, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    assert_eq!(sandbox.moved(), 0);
}
