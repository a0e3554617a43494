//! `docs/errors.md` names every reason that a client can get, with its code, and says where a time to wait comes along.

use std::collections::BTreeSet;
use std::time::Duration;

use digota_core::Error;
use digota_core::error::Reason;
use digota_core::id::ChargeId;
use digota_core::payment::decline::{Advice, Decline, DeclineCode};
use digota_grpc::access::Rpc;
use digota_grpc::gate::Stranger;
use digota_grpc::status;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// What a program can tell from a status, and what the document says in a row.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    reason: String,
    code: String,
    retry_info: bool,
}

impl Row {
    fn of(status: &Status) -> Row {
        let details = status.get_error_details();
        let reason = details.error_info().expect("every status has an ErrorInfo").reason.clone();
        Row { reason, code: spelled(status.code()), retry_info: details.retry_info().is_some() }
    }

    /// Reads ``| `REASON` † | CODE | … |``; other lines are none.
    fn read(line: &str) -> Option<Row> {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let reason = cells.next()?.trim_end_matches(" †").strip_suffix('`')?;
        Some(Row {
            reason: reason.to_owned(),
            code: cells.next()?.to_owned(),
            retry_info: line.contains("RetryInfo"),
        })
    }
}

/// `FailedPrecondition` as gRPC writes it: `FAILED_PRECONDITION`.
fn spelled(code: Code) -> String {
    let mut text = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// One of each; the match makes a new kind of error fail to compile until it is listed.
fn errors() -> Vec<Error> {
    let what = || String::from("it");
    let retry_after = Duration::from_secs(1);
    let advice = Advice::Never;
    let declined = |&code| Error::Declined(Decline { code, raw: String::new(), advice });
    let mut all = vec![
        Error::invalid("field", "is wrong"),
        Error::NotFound { noun: what(), id: Uuid::nil() },
        Error::Stale { noun: what(), id: Uuid::nil(), current: 2 },
        Error::Busy { what: what(), retry_after },
        Error::KeyReused,
        Error::Exists { noun: what(), id: Uuid::nil() },
        Error::Overloaded { what: what(), retry_after },
        Error::Unavailable { what: what(), retry_after, cause: what() },
        Error::Pending { charge: Some(ChargeId(Uuid::nil())) },
        Error::Pending { charge: None },
        Error::internal("a fault"),
    ];
    all.extend(Reason::ALL.iter().map(|&reason| Error::refused(reason, "a rule")));
    all.extend(DeclineCode::ALL.iter().map(declined));
    for error in &all {
        match error {
            Error::Invalid(_) | Error::NotFound { .. } | Error::Refused(_) | Error::Declined(_) => {}
            Error::Stale { .. } | Error::Busy { .. } | Error::KeyReused | Error::Exists { .. } => {}
            Error::Overloaded { .. } | Error::Unavailable { .. } => {}
            Error::Pending { .. } | Error::Internal { .. } => {}
        }
    }
    all
}

#[test]
fn every_reason_is_documented_with_its_code_and_none_that_does_not_exist() {
    let rpc = Rpc::find("/orderpb.OrderService/Pay").expect("an rpc");
    let mut given: BTreeSet<Row> = errors().into_iter().map(|error| Row::of(&status::of(error))).collect();
    let gate = [
        status::stranger(Stranger::Unlisted("who".to_owned())),
        status::stranger(Stranger::Outdated("when".to_owned())),
        status::no_such_rpc(),
        status::scope_missing(rpc),
        status::too_large(),
        status::reply_too_large(),
        status::client_limit("limits.streams_per_client_max", Duration::from_secs(1)),
        status::not_grpc("a rule"),
        status::not_one_message(),
        status::encoding_not_supported(),
        status::malformed_message(),
    ];
    given.extend(gate.iter().map(Row::of));
    let written: BTreeSet<Row> = DOCUMENT.lines().filter_map(Row::read).collect();
    let missing: Vec<&Row> = given.difference(&written).collect();
    let wrong: Vec<&Row> = written.difference(&given).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "docs/errors.md lacks {missing:#?}, and has {wrong:#?}");
}

#[test]
fn no_reason_is_documented_twice() {
    let reasons: Vec<String> = DOCUMENT.lines().filter_map(Row::read).map(|row| row.reason).collect();
    let unique: BTreeSet<&String> = reasons.iter().collect();
    assert_eq!(unique.len(), reasons.len());
}
