//! What a refusal must look like.

use std::fmt::Debug;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Asserts that a call was refused with this code and this reason for machines, and returns the details.
#[track_caller]
pub(crate) fn assert_refused<T: Debug>(result: Result<T, Status>, code: Code, reason: &str) -> ErrorDetails {
    let status = result.expect_err("it was not refused");
    let details = status.get_error_details();
    let given = details.error_info().map(|info| (info.reason.as_str(), info.domain.as_str()));
    assert_eq!((status.code(), given), (code, Some((reason, "digota"))), "{status:?}");
    details
}

/// A fact that a refusal names for programs.
#[track_caller]
pub(crate) fn fact(details: &ErrorDetails, name: &str) -> String {
    let facts = &details.error_info().unwrap().metadata;
    facts.get(name).unwrap_or_else(|| panic!("no {name} in {facts:?}")).clone()
}

/// The fields that a request was refused for.
#[track_caller]
pub(crate) fn violations<T: Debug>(result: Result<T, Status>) -> Vec<String> {
    let status = result.expect_err("it was not refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| &bad.field_violations).into_iter().flatten();
    fields.map(|violation| violation.field.clone()).collect()
}

/// Asserts that a request was refused for exactly these fields.
#[track_caller]
pub(crate) fn assert_invalid<T: Debug>(result: Result<T, Status>, fields: &[&str]) {
    let mut named = violations(result);
    named.sort();
    named.dedup();
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    assert_eq!(named, fields);
}
