//! From the shop's errors to gRPC statuses: the only place that picks a code.
//!
//! Every status carries a `google.rpc.ErrorInfo` with a reason for programs, and where it helps the violations, a time to try
//! again, or the current version.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use digota_core::Error;
use digota_core::error::Violation;
use digota_core::payment::decline::{Advice, Decline, DeclineCode};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::Rpc;
use crate::gate::Stranger;

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "digota";

/// The status for an error.
pub fn of(error: Error) -> Status {
    match error {
        Error::Invalid(violations) => invalid(&violations),
        Error::NotFound { .. } => plain(Code::NotFound, "NOT_FOUND", error.to_string(), []),
        Error::Refused(refused) => {
            plain(Code::FailedPrecondition, refused.reason.text(), refused.message, refused.facts)
        }
        Error::Declined(decline) => declined(&decline),
        Error::Stale { current, .. } => {
            let fact = ("current_version".to_owned(), current.to_string());
            plain(Code::Aborted, "VERSION_STALE", error.to_string(), [fact])
        }
        Error::Busy { retry_after, .. } => later(Code::Aborted, "BUSY", error.to_string(), retry_after),
        Error::KeyReused => plain(Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED", error.to_string(), []),
        Error::Exists { .. } => plain(Code::AlreadyExists, "ALREADY_EXISTS", error.to_string(), []),
        Error::Overloaded { retry_after, .. } => {
            later(Code::ResourceExhausted, "OVERLOADED", error.to_string(), retry_after)
        }
        Error::Unavailable { ref what, retry_after, ref cause } => {
            tracing::warn!(%what, %cause, "unavailable");
            later(Code::Unavailable, "UNAVAILABLE", error.to_string(), retry_after)
        }
        Error::Pending { charge: Some(charge) } => {
            let message = format!("the outcome of charge {charge} is not known yet; ask for it later");
            let fact = ("charge_id".to_owned(), charge.to_string());
            plain(Code::DeadlineExceeded, "PAYMENT_PENDING", message, [fact])
        }
        Error::Pending { charge: None } => {
            plain(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline passed".to_owned(), [])
        }
        Error::Internal { cause } => bug(&cause),
    }
}

/// Our own fault: the caller gets an id that is in the log, and nothing of the cause.
pub fn bug(cause: &str) -> Status {
    // Unpredictable enough to be found in a log; it need not be unique for ever.
    let id = format!("{:016x}", RandomState::new().hash_one(cause));
    tracing::error!(%id, %cause, "internal error");
    plain(Code::Internal, "INTERNAL", format!("internal error {id}"), [("id".to_owned(), id)])
}

/// More calls are being worked on than the operator allows. Made once: a server that has too much to do says it often.
pub fn overloaded() -> Status {
    static OVERLOADED: LazyLock<Status> = LazyLock::new(|| {
        of(Error::Overloaded { what: "the server".into(), retry_after: Duration::from_millis(200) })
    });
    OVERLOADED.clone()
}

/// The request is larger than the operator allows; it was not read.
pub fn too_large() -> Status {
    let message = "the request is larger than this server reads".to_owned();
    plain(Code::ResourceExhausted, "REQUEST_TOO_LARGE", message, [])
}

/// The reply is larger than the server sends.
pub fn reply_too_large() -> Status {
    let message =
        "the reply is larger than this server sends: ask for less, such as by a smaller limit".to_owned();
    plain(Code::ResourceExhausted, "REPLY_TOO_LARGE", message, [])
}

/// A single client takes more than the operator gives to one, by this setting.
pub fn client_limit(setting: &str, retry_after: Duration) -> Status {
    let mut details = info("CLIENT_LIMIT", [("limit".to_owned(), setting.to_owned())]);
    details.set_retry_info(Some(retry_after));
    let message = format!("this client takes more than {setting} allows to one");
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// The connection is about to end; another one, here or elsewhere, will do.
pub fn leaving() -> Status {
    let message = "the connection is about to end: connect again".to_owned();
    later(Code::Unavailable, "UNAVAILABLE", message, Duration::from_secs(1))
}

/// The deadline passed.
pub fn deadline() -> Status {
    of(Error::Pending { charge: None })
}

/// The request is not gRPC.
pub fn not_grpc(rule: &str) -> Status {
    plain(Code::InvalidArgument, "NOT_GRPC", rule.to_owned(), [])
}

/// The request is compressed in a way that this server does not read: any.
pub fn encoding_not_supported() -> Status {
    let message = "compressed requests are not read: send with encoding identity".to_owned();
    let mut status = plain(Code::Unimplemented, "ENCODING_NOT_SUPPORTED", message, []);
    status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static("identity"));
    status
}

/// A request of this method has one message, no more and no fewer.
pub fn not_one_message() -> Status {
    let message = "this method takes exactly one message".to_owned();
    plain(Code::Unimplemented, "NOT_ONE_MESSAGE", message, [])
}

/// The bytes are no message of this method. Not our fault; the code is what gRPC has for it.
pub fn malformed_message() -> Status {
    let message = "the request is no message of this method".to_owned();
    plain(Code::Internal, "MALFORMED_MESSAGE", message, [])
}

/// The caller is not known.
pub fn stranger(stranger: Stranger) -> Status {
    match stranger {
        Stranger::Unlisted(why) => plain(Code::Unauthenticated, "NOT_LISTED", why, []),
        Stranger::Outdated(why) => plain(Code::Unauthenticated, "CERTIFICATE_OUTDATED", why, []),
    }
}

/// There is nothing at this path.
pub fn no_such_rpc() -> Status {
    plain(Code::Unimplemented, "NO_SUCH_RPC", "there is no such rpc".to_owned(), [])
}

/// The caller is known, and may not do this.
pub fn scope_missing(rpc: Rpc) -> Status {
    let scopes: Vec<String> = rpc.scopes.iter().map(|scope| format!("{scope:?}").to_uppercase()).collect();
    let scope = scopes.join(" or ");
    let message = format!("this needs the scope {scope}");
    plain(Code::PermissionDenied, "SCOPE_MISSING", message, [("scope".to_owned(), scope)])
}

fn invalid(violations: &[Violation]) -> Status {
    let mut details = info("INVALID_REQUEST", []);
    for violation in violations {
        details.add_bad_request_violation(&violation.field, &violation.description);
    }
    let all: Vec<String> = violations.iter().map(|v| format!("{} {}", v.field, v.description)).collect();
    Status::with_error_details(Code::InvalidArgument, all.join("; "), details)
}

fn declined(decline: &Decline) -> Status {
    let advice = match decline.advice {
        Advice::RetryLater => "retry_later",
        Advice::RetryWithNewData => "retry_with_new_data",
        Advice::Never => "never",
        Advice::Authenticate => "authenticate",
    };
    let facts = [("advice".to_owned(), advice.to_owned()), ("gateway_code".to_owned(), decline.raw.clone())];
    let message = format!("the payment gateway declined: {}", decline.code.text());
    let code = decline_code(decline.code);
    if decline.code == DeclineCode::RateLimit {
        let mut details = info(decline.code.text(), facts);
        details.set_retry_info(Some(Duration::from_secs(1)));
        return Status::with_error_details(code, message, details);
    }
    plain(code, decline.code.text(), message, facts)
}

/// What a decline means for a caller. A processing error is ABORTED, not UNAVAILABLE: clients retry the latter by themselves,
/// and would only collect the same decline.
fn decline_code(code: DeclineCode) -> Code {
    match code {
        DeclineCode::InvalidNumber
        | DeclineCode::InvalidExpiryMonth
        | DeclineCode::InvalidExpiryYear
        | DeclineCode::InvalidCvc
        | DeclineCode::Missing
        | DeclineCode::InvalidAmount => Code::InvalidArgument,
        DeclineCode::IncorrectNumber
        | DeclineCode::ExpiredCard
        | DeclineCode::IncorrectCvc
        | DeclineCode::IncorrectZip
        | DeclineCode::CardDeclined
        | DeclineCode::AuthenticationRequired
        | DeclineCode::RefundNotAllowed
        | DeclineCode::ChargeNotOpen => Code::FailedPrecondition,
        DeclineCode::ProcessingError => Code::Aborted,
        DeclineCode::RateLimit => Code::ResourceExhausted,
        DeclineCode::Duplicate => Code::AlreadyExists,
    }
}

fn plain(
    code: Code,
    reason: &str,
    message: String,
    facts: impl IntoIterator<Item = (String, String)>,
) -> Status {
    Status::with_error_details(code, message, info(reason, facts))
}

fn later(code: Code, reason: &str, message: String, retry_after: Duration) -> Status {
    let mut details = info(reason, []);
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(code, message, details)
}

fn info(reason: &str, facts: impl IntoIterator<Item = (String, String)>) -> ErrorDetails {
    let facts: HashMap<String, String> = facts.into_iter().collect();
    ErrorDetails::with_error_info(reason, DOMAIN, facts)
}
