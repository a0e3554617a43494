//! The sandbox's API: from a request to a command, and from what became of it to a response.

use std::io;

use bytes::Bytes;
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::port::gateway::Op;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method};
use serde::Serialize;
use uuid::Uuid;

use super::Sandbox;
use super::state::{Command, Refusal};
use super::wire::{ErrorBody, ErrorDetail, FollowUpBody, Status, View};
use crate::message::{Request, Response};

/// The header that makes a repetition harmless.
pub(crate) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_MAX: usize = 64;

/// What becomes of a request.
pub(crate) enum Reply {
    /// It is answered.
    Answer(Response),
    /// The line goes dead.
    Lost,
}

impl Sandbox {
    /// Handles a request of the API, however it came.
    pub(crate) async fn handle(&self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let get = request.method == Method::GET;
        let post = request.method == Method::POST;
        match parts.as_slice() {
            ["v1", "charges"] if post => self.charge(request).await,
            ["v1", "charges", id, "capture"] if post => self.follow_up(request, id, Op::Capture).await,
            ["v1", "charges", id, "void"] if post => self.follow_up(request, id, Op::Void).await,
            ["v1", "charges", id, "refunds"] if post => self.follow_up(request, id, Op::Refund).await,
            ["v1", "attempts", reference] if get => Reply::Answer(self.attempt(reference).await),
            ["v1", "attempts", reference, "cancel"] if post => Reply::Answer(self.cancel(reference).await),
            ["v1", "journal"] if get => Reply::Answer(self.journal_text().await),
            ["challenge", id] if get || post => Reply::Answer(self.challenge_page(id, query).await),
            ["health"] if get => Reply::Answer(json(200, &serde_json::json!({ "status": "ok" }))),
            _ => Reply::Answer(error(404, "no_such_path", "there is nothing here")),
        }
    }

    async fn charge(&self, request: &Request) -> Reply {
        match super::charge::command(request, self.now()) {
            Ok(command) => self.carry_out(command).await,
            Err(text) => Reply::Answer(error(400, "invalid_request", &text)),
        }
    }

    async fn follow_up(&self, request: &Request, id: &str, op: Op) -> Reply {
        let Some(charge) = id.strip_prefix("ch_").and_then(|id| Uuid::try_parse(id).ok()) else {
            return Reply::Answer(error(404, "not_found", "there is no such charge"));
        };
        match follow_up_command(request, charge, op) {
            Ok(command) => self.carry_out(command).await,
            Err(text) => Reply::Answer(error(400, "invalid_request", &text)),
        }
    }

    async fn attempt(&self, reference: &str) -> Response {
        let Ok(reference) = Uuid::try_parse(reference) else { return not_found() };
        match self.engine().find(reference).await {
            Ok(Some(view)) => json(200, &view),
            Ok(None) => not_found(),
            Err(fault) => broken(&fault),
        }
    }

    async fn cancel(&self, reference: &str) -> Response {
        let Ok(reference) = Uuid::try_parse(reference) else {
            return error(400, "invalid_request", "a reference is a UUID");
        };
        self.engine().cancel(reference).await.map_or_else(|fault| broken(&fault), |view| shown(&view))
    }

    async fn journal_text(&self) -> Response {
        match self.engine().journal().await {
            Ok(text) => response(200, "application/x-ndjson", text),
            Err(fault) => broken(&fault),
        }
    }

    async fn challenge_page(&self, id: &str, query: &str) -> Response {
        let Ok(attempt) = Uuid::try_parse(id) else { return not_found() };
        let passed = match query {
            "result=ok" => true,
            "result=fail" => false,
            _ => return response(200, "text/html; charset=utf-8", CHALLENGE_PAGE),
        };
        match self.engine().challenge(attempt, passed).await {
            Ok((Some(view), back)) => challenged(&view, back.as_deref()),
            Ok((None, _)) => not_found(),
            Err(fault) => broken(&fault),
        }
    }
}

const CHALLENGE_PAGE: &str = "<!doctype html><title>Sandbox challenge</title>\
    <p>The bank wants to know whether it is you who is paying.</p>\
    <form method=post action=?result=ok><button>It is me</button></form>\
    <form method=post action=?result=fail><button>It is not me</button></form>\n";

fn follow_up_command(request: &Request, charge: Uuid, op: Op) -> Result<Command, String> {
    let body: FollowUpBody<'_> = parse(&request.body)?;
    let money = match (op, body.amount, body.currency.as_deref()) {
        (Op::Void, None, None) => None,
        (Op::Capture | Op::Refund, Some(amount), Some(code)) => Some(money(amount, code)?),
        (Op::Void, _, _) => return Err("a void has no amount".to_owned()),
        _ => return Err("amount and currency are needed".to_owned()),
    };
    Ok(Command {
        attempt: body.reference,
        key: key(request)?,
        op,
        charge,
        money,
        row: None,
        capture_later: false,
        statement: String::new(),
        return_url: String::new(),
    })
}

/// The text of a parse error may repeat what was sent, so it names the place only.
pub(super) fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("the body is not understood, line {} column {}", error.line(), error.column()))
}

pub(super) fn money(amount: i64, code: &str) -> Result<Money, String> {
    let currency = Currency::from_code(code).ok_or("the currency is not known")?;
    Ok(Money { amount, currency })
}

pub(super) fn key(request: &Request) -> Result<String, String> {
    let key = request.headers.get(&IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok()).unwrap_or("");
    match key.len() {
        1..=KEY_MAX => Ok(key.to_owned()),
        _ => Err(format!("an Idempotency-Key of 1 to {KEY_MAX} characters is needed")),
    }
}

/// The answer to a request that moves money.
pub(super) fn outcome(result: io::Result<Result<View, Refusal>>) -> Response {
    match result {
        Ok(Ok(view)) => shown(&view),
        Ok(Err(Refusal::KeyReused)) => error(422, "key_reused", "the key came with another request before"),
        Ok(Err(Refusal::DuplicateReference)) => {
            error(409, "duplicate_reference", "the reference came with another key before")
        }
        Err(fault) => broken(&fault),
    }
}

fn shown(view: &View) -> Response {
    json(if view.status == Status::Declined { 402 } else { 200 }, view)
}

fn challenged(view: &View, back: Option<&str>) -> Response {
    let back = back.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let mut page = json(200, view);
    if let Some(url) = back.and_then(|url| HeaderValue::from_str(url).ok()) {
        page.status = 303;
        page.headers.insert(LOCATION, url);
    }
    page
}

fn not_found() -> Response {
    error(404, "not_found", "there is no such attempt")
}

fn broken(fault: &io::Error) -> Response {
    tracing::error!(%fault, "the sandbox can't write its record");
    error(500, "broken", "the record can't be written")
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let error = ErrorDetail { code: code.to_owned(), message: message.to_owned() };
    json(status, &ErrorBody { error })
}

fn json(status: u16, value: &impl Serialize) -> Response {
    let text = serde_json::to_vec(value).expect("writing our own structs to memory does not fail");
    response(status, "application/json", text)
}

fn response(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
    Response { status, headers, body: body.into() }
}
