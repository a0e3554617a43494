//! What docs/sandbox.md says about test cards is what the sandbox does.

mod support;

use digota_gateway::sandbox::cards::{Behaviour, ROWS, Row};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let text = std::fs::read_to_string(DOCUMENT).expect("docs/sandbox.md");
    let documented: Vec<&str> = text.lines().filter(|line| line.starts_with("| `tok_")).collect();
    let coded: Vec<String> = ROWS.iter().map(line).collect();
    assert_eq!(documented, coded, "the tables should be\n{}", coded.join("\n"));
}

fn line(row: &Row) -> String {
    let numbers: Vec<String> = row.numbers.iter().map(|number| format!("`{number}`")).collect();
    let amount = row.amount.map(|amount| format!(" `{amount}` |")).unwrap_or_default();
    format!("| `tok_{}` | {} |{amount} {} |", row.name, numbers.join(" "), effect(row.behaviour))
}

fn effect(behaviour: Behaviour) -> String {
    let usual = support::options();
    let (slow, late, pending) = (usual.slow.as_secs(), usual.late.as_secs(), usual.pending_for.as_secs());
    match behaviour {
        Behaviour::Succeed => "succeeds".to_owned(),
        Behaviour::Decline(code) => format!("declined: `{}`", code.text()),
        Behaviour::Slow => format!("succeeds; the answer takes {slow} s"),
        Behaviour::LoseBefore => "the request is lost: no effect, no answer".to_owned(),
        Behaviour::LoseAfter => "succeeds; the answer is lost".to_owned(),
        Behaviour::Late => format!("no answer; succeeds {late} s later"),
        Behaviour::Challenge => "the buyer must pass a challenge (3-D Secure)".to_owned(),
        Behaviour::PendingSucceeds => format!("pending; succeeds after {pending} s"),
        Behaviour::PendingFails => format!("pending; declined after {pending} s: `card_declined`"),
        Behaviour::RefundDeclined => "succeeds; refunds are declined: `refund_not_allowed`".to_owned(),
        Behaviour::RefundPending => format!("succeeds; refunds are pending and succeed after {pending} s"),
        Behaviour::RefundFails => {
            format!("succeeds; refunds are pending and fail after {pending} s: `refund_not_allowed`")
        }
        Behaviour::CaptureDeclined => "succeeds; captures are declined: `charge_not_open`".to_owned(),
    }
}
