//! Every call is counted here: by rpc and code, with how long it took. A few atomics each, and nothing else.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use digota_core::meter::{Histogram, SPANS_US, Spread};
use tonic::Code;

use crate::access::RPCS;

/// How many status codes there are.
const CODES: usize = 17;

/// A row per rpc, in the order of [`RPCS`], and one for all paths that are no rpc.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| (0..=RPCS.len()).map(|_| Row::new()).collect());

struct Row {
    codes: [AtomicU64; CODES],
    took: Histogram,
    under_way: AtomicI64,
}

impl Row {
    fn new() -> Row {
        Row {
            codes: [const { AtomicU64::new(0) }; CODES],
            took: Histogram::new(SPANS_US),
            under_way: AtomicI64::new(0),
        }
    }
}

/// A call that is being answered. Dropped without an end, it was given up by its caller.
pub(crate) struct Call {
    row: &'static Row,
    since: Instant,
    code: Code,
}

impl Call {
    /// Begins to count a call of this path.
    pub(crate) fn begin(path: &str) -> Call {
        let at = RPCS.iter().position(|(known, ..)| *known == path).unwrap_or(RPCS.len());
        let row = &ROWS[at];
        row.under_way.fetch_add(1, Ordering::Relaxed);
        Call { row, since: Instant::now(), code: Code::Cancelled }
    }

    /// It was answered, with this code. A stream is answered when it begins.
    pub(crate) fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.row.under_way.fetch_sub(1, Ordering::Relaxed);
        self.row.codes[self.code as usize].fetch_add(1, Ordering::Relaxed);
        self.row.took.count_span(self.since.elapsed());
    }
}

/// What was counted of one rpc since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its service: `orderpb.OrderService`; `other` for all paths that are no rpc.
    pub service: &'static str,
    /// Its name: `Pay`.
    pub method: &'static str,
    /// How many calls ended with which code; only codes that occurred.
    pub codes: Vec<(Code, u64)>,
    /// How long they took, in microseconds.
    pub took: Spread,
    /// Calls that are being answered now.
    pub under_way: i64,
}

/// What was counted of every rpc that was called at all.
pub fn counted() -> Vec<Counted> {
    let paths = RPCS.iter().map(|(path, ..)| *path).chain(["/other/other"]);
    let rows = ROWS.iter().zip(paths);
    rows.map(|(row, path)| Counted::of(row, path)).filter(|counted| counted.is_used()).collect()
}

impl Counted {
    fn of(row: &Row, path: &'static str) -> Counted {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let count = |code: i32| (Code::from_i32(code), row.codes[code as usize].load(Ordering::Relaxed));
        Counted {
            service,
            method,
            codes: (0..17).map(count).filter(|(_, count)| *count > 0).collect(),
            took: row.took.read(),
            under_way: row.under_way.load(Ordering::Relaxed),
        }
    }

    fn is_used(&self) -> bool {
        self.under_way != 0 || !self.codes.is_empty()
    }
}

/// A code as gRPC writes it: `FAILED_PRECONDITION`.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was counted of a path that no other test calls.
    fn of(method: &str) -> Option<Counted> {
        counted().into_iter().find(|counted| counted.method == method)
    }

    #[test]
    fn a_call_is_counted_by_its_code_and_one_that_was_given_up_as_cancelled() {
        const PATH: &str = "/grpc.health.v1.Health/List";
        assert_eq!(of("List").filter(|counted| counted.service.contains("Health")), None);
        let (first, second) = (Call::begin(PATH), Call::begin(PATH));
        let health =
            || counted().into_iter().find(|counted| counted.service == "grpc.health.v1.Health").unwrap();
        assert_eq!((health().under_way, health().codes), (2, vec![]));
        first.end(Code::NotFound);
        drop(second);
        let health = health();
        assert_eq!(health.codes, [(Code::Cancelled, 1), (Code::NotFound, 1)]);
        assert_eq!((health.under_way, health.took.total()), (0, 2));
    }

    #[test]
    fn paths_that_are_no_rpc_are_counted_together() {
        Call::begin("/nowhere").end(Code::Unimplemented);
        Call::begin("/or/else").end(Code::Unimplemented);
        assert_eq!(of("other").map(|counted| counted.codes), Some(vec![(Code::Unimplemented, 2)]));
    }
}
