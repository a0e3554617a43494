//! What an operator asks.

use digota_core::Result;
use digota_core::id::AttemptId;
use digota_core::payment::attempt::Verdict;
use digota_core::shop::desk::{Settle, View};
use digota_core::text::Violations;
use digota_proto::adminpb::{ListPaymentsRequest, SettleRequest, list_payments_request, settle_request};

use super::{an_id, version};

/// Which attempts, how many, and where to go on.
pub(crate) fn payments(request: ListPaymentsRequest) -> Result<(View, i64, String)> {
    use list_payments_request::View as Asked;
    let mut all = Violations::new();
    let view = match Asked::try_from(request.view) {
        Ok(Asked::Open) => View::Open,
        Ok(Asked::Unknown) => View::Unknown,
        Ok(Asked::Review) => View::Review,
        Err(_) => {
            all.add("view", "must be 0 (open), 1 (unknown) or 2 (review)");
            View::Open
        }
    };
    all.end()?;
    Ok((view, request.limit, request.cursor))
}

/// A verdict, by this caller.
pub(crate) fn settle(request: SettleRequest, by: String) -> Result<Settle> {
    use settle_request::Verdict as Asked;
    let mut all = Violations::new();
    let attempt = AttemptId(an_id("id", &request.id, &mut all));
    let expected_version = version("expected_version", request.expected_version, &mut all);
    let verdict = match Asked::try_from(request.verdict) {
        Ok(Asked::AskGateway) => Verdict::AskGateway,
        Ok(Asked::Succeeded) => Verdict::Succeeded,
        Ok(Asked::Failed) => Verdict::Failed,
        Ok(Asked::Reviewed) => Verdict::Reviewed,
        Err(_) => {
            all.add("verdict", "must be 0 (ask the gateway), 1 (succeeded), 2 (failed) or 3 (reviewed)");
            Verdict::AskGateway
        }
    };
    let SettleRequest { provider_reference: reference, note, .. } = request;
    let settle = Settle { attempt, verdict, reference, note, by, expected_version };
    settle.check(&mut all);
    all.end()?;
    Ok(settle)
}
