//! What digota makes of what comes back: certainly done, certainly not done, or unknown.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use digota_core::payment::RefundReason;
use digota_core::port::Gateway;
use digota_core::port::gateway::{Answer, Call, Capabilities, Finding, GatewayError, Op, Outcome};
use digota_gateway::adapter::{Adapter, Ask, Reading, Step};
use digota_gateway::message::{Request, Response};
use digota_gateway::transport::{SendError, Transport};
use digota_gateway::{Executor, Limits, sandbox};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMITS: Limits = Limits { total: Duration::from_secs(3), concurrent: None };

/// A gateway that sends these bytes, whatever it is asked, and then hangs up.
async fn answering(bytes: Vec<u8>) -> Arc<dyn Gateway> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
        }
    });
    sandbox::remote(&url, LIMITS).expect("an address")
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// The body of a charge of 1.00 EUR that succeeded, with one thing replaced.
fn charged(call: &Call, find: &str, replace: &str) -> String {
    let id = call.attempt;
    let body = format!(
        r#"{{"reference":"{id}","op":"charge","id":"ch_1","status":"succeeded","amount":100,"currency":"EUR"}}"#
    );
    assert!(find.is_empty() || body.contains(find), "{find}");
    body.replace(find, replace)
}

async fn charge(bytes: Vec<u8>, call: &Call) -> Result<Answer, GatewayError> {
    let source = visa("4242424242424242");
    answering(bytes).await.charge(call, &intent(100), &source, None).await
}

#[tokio::test]
async fn a_whole_and_fitting_answer_counts() {
    let call = call();
    let body = charged(&call, "ch_1", "ch_2");
    let answer = charge(http("200 OK", "", &body), &call).await.expect("an answer");
    assert_eq!(answer.outcome, Outcome::Succeeded);
    assert_eq!((answer.reference.as_deref(), answer.money), (Some("ch_2"), Some(euro(100))));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_question_is_unknown() {
    let call = call();
    let other = support::call().attempt.to_string();
    for (find, replace) in [
        ("100", "101"),
        ("EUR", "USD"),
        ("EUR", "EURO"),
        (call.attempt.to_string().as_str(), other.as_str()),
        ("\"charge\"", "\"refund\""),
        ("succeeded", "authorized"),
        ("succeeded", "requires_action"),
        ("succeeded", "declined"),
        ("succeeded", "all_right"),
        (r#""id":"ch_1","#, ""),
        (r#","amount":100"#, ""),
        ("}", ""),
    ] {
        let body = charged(&call, find, replace);
        let result = charge(http("200 OK", "", &body), &call).await;
        assert!(
            matches!(&result, Err(GatewayError::Unknown(text)) if !text.is_empty()),
            "{body}: {result:?}"
        );
    }
}

#[tokio::test]
async fn whatever_is_no_answer_is_unknown() {
    let call = call();
    let good = charged(&call, "", "");
    let cut = http("200 OK", "", &good).split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
    for bytes in [
        Vec::new(),
        b"\x16\x03\x01 nonsense".to_vec(),
        cut,
        http("200 OK", "", "<html>"),
        http("204 No Content", "", ""),
        http("200 OK", "", &" ".repeat(1024 * 1024 + 1)),
        http("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
        http("404 Not Found", "", "no such page"),
        http("408 Request Timeout", "", ""),
        http("409 Conflict", "", ""),
        http("422 Unprocessable", "", r#"{"error":{"code":"key_reused","message":""}}"#),
        http("500 Internal Server Error", "", &good),
        http("502 Bad Gateway", "", ""),
        http("503 Service Unavailable", "Retry-After: 1\r\n", ""),
    ] {
        let result = charge(bytes.clone(), &call).await;
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(matches!(result, Err(GatewayError::Unknown(_))), "{sent}: {result:?}");
    }
}

#[tokio::test]
async fn a_refusal_before_anything_was_done_is_not_executed() {
    let call = call();
    let busy = charge(http("429 Too Many Requests", "Retry-After: 7\r\n", ""), &call).await;
    let Err(GatewayError::NotExecuted { retry_after, .. }) = busy else { panic!("{busy:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let refused = charge(http(status, "", ""), &call).await;
        assert!(matches!(refused, Err(GatewayError::Configuration(_))), "{refused:?}");
    }
    let wrong = http("400 Bad Request", "", r#"{"error":{"code":"invalid_request","message":"what?"}}"#);
    assert!(matches!(charge(wrong, &call).await, Err(GatewayError::Configuration(_))));
}

/// A proxy's 404 says nothing about the attempt.
#[tokio::test]
async fn only_the_gateway_itself_can_say_that_there_is_no_such_attempt() {
    let (call, own) = (call(), r#"{"error":{"code":"not_found","message":"there is no such attempt"}}"#);
    let find = |body: &str| {
        let (bytes, lookup) = (http("404 Not Found", "", body), lookup(&call, Op::Charge));
        async move { answering(bytes).await.find(&lookup).await }
    };
    assert_eq!(find(own).await, Ok(Finding::Absent));
    assert!(matches!(find("<h1>Not Found</h1>").await, Err(GatewayError::Unknown(_))));
}

#[tokio::test]
async fn what_a_gateway_repeats_of_the_card_is_hidden() {
    let call = call();
    for body in ["card 4242424242424242 cvc 987", "4242 4242 4242 4242", "4242-4242-4242-4242, \"987\""] {
        for status in ["500 Internal Server Error", "429 Too Many Requests", "401 Unauthorized", "200 OK"] {
            let error = charge(http(status, "", body), &call).await.expect_err("no answer").to_string();
            let digits: String = error.chars().filter(char::is_ascii_digit).collect();
            assert!(!digits.contains("4242") && !error.contains("987"), "{error}");
            assert!(error.contains("hidden") && error.chars().count() < 400, "{error}");
        }
    }
}

#[tokio::test]
async fn requests_and_responses_show_nothing_that_they_carry() {
    let request = Request::new(http::Method::POST, "/v1/charges").json(&["4242424242424242"]);
    let response =
        Response { status: 200, headers: http::HeaderMap::new(), body: "4242424242424242".to_owned().into() };
    assert_eq!(format!("{request:?} | {response:?}"), "POST /v1/charges | HTTP 200, 16 bytes");
}

/// Says the same of everything.
struct Parrot;

impl Adapter for Parrot {
    fn capabilities(&self) -> Capabilities {
        let none = Duration::ZERO;
        Capabilities {
            two_step: false,
            cancel: false,
            capture_later: false,
            total_limit: none,
            settle_time: none,
        }
    }

    fn next(&self, ask: &Ask<'_>, seen: &[Response]) -> Result<Step, GatewayError> {
        if seen.is_empty() {
            return Ok(Step::Send(Request::new(http::Method::POST, "/").json(&"the same")));
        }
        let reference = Some("re_1".to_owned());
        Ok(Step::Done(Reading::Answer(Answer { outcome: Outcome::Succeeded, reference, money: ask.money() })))
    }
}

/// Fails so often with this error, and checks that every try is the same.
struct Failing(usize, SendError, Arc<AtomicUsize>);

impl Transport for Failing {
    async fn send(&self, request: &Request) -> Result<Response, SendError> {
        assert_eq!(&request.body[..], b"\"the same\"");
        if self.2.fetch_add(1, Ordering::Relaxed) < self.0 {
            return Err(self.1.clone());
        }
        Ok(Response { status: 200, headers: http::HeaderMap::new(), body: bytes::Bytes::new() })
    }
}

async fn tries(failures: usize, error: SendError) -> (usize, Result<Answer, GatewayError>) {
    let count = Arc::new(AtomicUsize::new(0));
    let gateway = Executor::new(Parrot, Failing(failures, error, count.clone()), LIMITS);
    let result = gateway.refund(&call(), "ch_1", euro(5), RefundReason::Fraud).await;
    (count.load(Ordering::Relaxed), result)
}

#[tokio::test]
async fn only_what_was_certainly_not_sent_is_tried_again_and_twice_at_most() {
    let not_sent = || SendError::NotSent("refused".to_owned());
    let (sent, result) = tries(2, not_sent()).await;
    assert!(sent == 3 && result.is_ok(), "{sent} {result:?}");
    let (sent, result) = tries(3, not_sent()).await;
    assert!(sent == 3 && matches!(result, Err(GatewayError::NotExecuted { .. })), "{sent} {result:?}");
    let (sent, result) = tries(1, SendError::MaybeSent("reset".to_owned())).await;
    assert!(sent == 1 && matches!(result, Err(GatewayError::Unknown(_))), "{sent} {result:?}");
}

/// Answers after a while, and remembers how many were under way at most.
#[derive(Default)]
struct Crowded(Arc<(AtomicUsize, AtomicUsize)>);

impl Transport for Crowded {
    async fn send(&self, _: &Request) -> Result<Response, SendError> {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
        now.fetch_sub(1, Ordering::Relaxed);
        Ok(Response { status: 200, headers: http::HeaderMap::new(), body: bytes::Bytes::new() })
    }
}

#[tokio::test]
async fn at_most_so_many_calls_are_under_way_at_a_time() {
    for (limit, want) in [(Some(3), 3), (None, 40)] {
        let transport = Crowded::default();
        let counts = transport.0.clone();
        let gateway = Arc::new(Executor::new(Parrot, transport, Limits { concurrent: limit, ..LIMITS }));
        let calls = (0..40).map(|_| {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.capture(&call(), "ch_1", euro(1)).await })
        });
        for result in calls.collect::<Vec<_>>() {
            assert!(result.await.expect("no panic").is_ok());
        }
        assert_eq!(counts.1.load(Ordering::Relaxed), want);
    }
}

#[tokio::test]
async fn a_call_that_never_gets_its_turn_is_not_executed() {
    let limits = Limits { total: Duration::from_millis(20), concurrent: Some(0) };
    let gateway = Executor::new(Parrot, Crowded::default(), limits);
    let result = gateway.capture(&call(), "ch_1", euro(1)).await;
    assert!(matches!(result, Err(GatewayError::NotExecuted { .. })), "{result:?}");
}
