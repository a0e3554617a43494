//! The sandbox, as digota and its tests rely on it.

mod support;

use std::sync::Arc;
use std::time::Duration;

use digota_core::payment::RefundReason;
use digota_core::payment::card::Brand;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::Gateway;
use digota_core::port::gateway::{Finding, GatewayError, Op, Outcome};
use digota_gateway::Limits;
use digota_gateway::sandbox::cards::{Behaviour, ROWS};
use digota_gateway::sandbox::{Entry, Event, Options, Sandbox, Status};
use support::*;

fn open(options: Options) -> (Sandbox, Arc<dyn Gateway>) {
    let sandbox = Sandbox::open(options).expect("a sandbox");
    let gateway = sandbox.gateway(Limits::default());
    (sandbox, gateway)
}

async fn entries(sandbox: &Sandbox) -> Vec<Entry> {
    let text = sandbox.journal().await.expect("a record");
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("an entry")).collect()
}

async fn found(gateway: &Arc<dyn Gateway>, call: &digota_core::port::gateway::Call, op: Op) -> Outcome {
    match gateway.find(&lookup(call, op)).await {
        Ok(Finding::Found(answer)) => answer.outcome,
        other => panic!("{other:?}"),
    }
}

fn declined(outcome: &Outcome) -> Option<DeclineCode> {
    match outcome {
        Outcome::Declined(decline) => Some(decline.code),
        _ => None,
    }
}

#[tokio::test]
async fn every_declining_card_token_and_amount_declines_with_its_code() {
    let (sandbox, gateway) = open(options());
    for row in ROWS {
        let Behaviour::Decline(code) = row.behaviour else { continue };
        let by_amount = row.amount.expect("an amount");
        for (source, amount) in
            [(visa(row.numbers[0]), 100), (token(row.name), 100), (token("visa"), by_amount)]
        {
            let answer = gateway.charge(&call(), &intent(amount), &source, None).await.expect("an answer");
            assert_eq!(declined(&answer.outcome), Some(code), "{}", row.name);
        }
    }
    assert_eq!(sandbox.moved(), 0);
}

#[tokio::test]
async fn every_usual_test_number_pays() {
    let (sandbox, gateway) = open(options());
    let plain = ROWS.iter().filter(|row| row.behaviour == Behaviour::Succeed);
    let mut paid = 0;
    for row in plain {
        let brand = match row.name {
            "visa" => Brand::Visa,
            "mastercard" => Brand::Mastercard,
            "amex" => Brand::AmericanExpress,
            "discover" => Brand::Discover,
            "diners" => Brand::DinersClub,
            _ => Brand::Jcb,
        };
        for number in row.numbers {
            let source = card(brand, number, "", "07", "2026");
            let answer = gateway.charge(&call(), &intent(100), &source, None).await.expect("an answer");
            assert_eq!(answer.outcome, Outcome::Succeeded, "{} {number}", row.name);
            paid += 100;
        }
    }
    assert_eq!(sandbox.moved(), paid);
}

#[tokio::test]
async fn a_card_expires_after_its_month() {
    let (_, gateway) = open(options());
    for (month, year, code) in [("06", "2026", Some(DeclineCode::ExpiredCard)), ("07", "2026", None)] {
        let source = card(Brand::Visa, "4242424242424242", "123", month, year);
        let answer = gateway.charge(&call(), &intent(100), &source, None).await.expect("an answer");
        assert_eq!(declined(&answer.outcome), code, "{month}/{year}");
    }
}

/// The number may be somebody's: it must not look as if it worked.
#[tokio::test]
async fn a_card_that_is_no_test_card_is_declined() {
    let (_, gateway) = open(options());
    for source in [visa("4539578763621486"), token("nobody")] {
        let answer = gateway.charge(&call(), &intent(100), &source, None).await.expect("an answer");
        assert_eq!(declined(&answer.outcome), Some(DeclineCode::IncorrectNumber));
    }
}

#[tokio::test]
async fn what_is_pending_ends_by_itself() {
    let quick = Options { pending_for: Duration::from_millis(50), ..options() };
    let (sandbox, gateway) = open(quick);
    for (name, end) in [("pending_succeeds", None), ("pending_fails", Some(DeclineCode::CardDeclined))] {
        let call = call();
        let answer = gateway.charge(&call, &intent(100), &token(name), None).await.expect("an answer");
        assert_eq!(answer.outcome, Outcome::Pending);
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(declined(&found(&gateway, &call, Op::Charge).await), end, "{name}");
    }
    assert_eq!(sandbox.moved(), 100);
}

#[tokio::test]
async fn a_challenge_that_is_passed_pays_and_one_that_is_failed_does_not() {
    let (sandbox, gateway) = open(options());
    for (passed, end) in [(true, None), (false, Some(DeclineCode::AuthenticationRequired))] {
        let call = call();
        let answer = gateway.charge(&call, &intent(100), &token("challenge"), None).await.expect("an answer");
        assert!(matches!(answer.outcome, Outcome::RequiresAction(_)));
        sandbox.challenge(call.attempt, passed).await.expect("a record");
        assert_eq!(declined(&found(&gateway, &call, Op::Charge).await), end);
        sandbox.challenge(call.attempt, !passed).await.expect("a record");
        assert_eq!(declined(&found(&gateway, &call, Op::Charge).await), end, "the first result counts");
    }
    assert_eq!(sandbox.moved(), 100);
}

#[tokio::test]
async fn a_challenge_that_nobody_meets_ends_as_failed() {
    let (_, gateway) = open(Options { action_for: Duration::from_millis(30), ..options() });
    let call = call();
    gateway.charge(&call, &intent(100), &token("challenge"), None).await.expect("an answer");
    tokio::time::sleep(Duration::from_millis(40)).await;
    let end = found(&gateway, &call, Op::Charge).await;
    assert_eq!(declined(&end), Some(DeclineCode::AuthenticationRequired));
}

#[tokio::test]
async fn refunds_can_be_declined_and_can_fail_later() {
    let (sandbox, gateway) = open(Options { pending_for: Duration::from_millis(30), ..options() });
    let no = Some(DeclineCode::RefundNotAllowed);
    for (name, at_once, end) in
        [("refund_declined", no, no), ("refund_pending", None, None), ("refund_fails", None, no)]
    {
        let charge = gateway.charge(&call(), &intent(100), &token(name), None).await.expect("an answer");
        let (call, reference) = (call(), charge.reference.expect("a reference"));
        let refund =
            gateway.refund(&call, &reference, euro(100), RefundReason::Fraud).await.expect("an answer");
        assert_eq!(declined(&refund.outcome), at_once, "{name}");
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(declined(&found(&gateway, &call, Op::Refund).await), end, "{name}");
    }
    assert_eq!(sandbox.moved(), 200);
}

/// What was on its way back may be asked for again once it is known to have failed.
#[tokio::test]
async fn a_refund_that_failed_frees_its_amount() {
    let (_, gateway) = open(Options { pending_for: Duration::from_millis(500), ..options() });
    let charge =
        gateway.charge(&call(), &intent(100), &token("refund_fails"), None).await.expect("an answer");
    let reference = charge.reference.expect("a reference");
    let mut outcomes = Vec::new();
    for wait in [0, 0, 600] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let refund =
            gateway.refund(&call(), &reference, euro(60), RefundReason::Fraud).await.expect("an answer");
        outcomes.push(refund.outcome == Outcome::Pending);
    }
    assert_eq!(outcomes, [true, false, true]);
}

#[tokio::test]
async fn another_request_with_the_same_key_or_reference_has_no_effect() {
    let (sandbox, gateway) = open(options());
    let first = call();
    gateway.charge(&first, &intent(100), &token("visa"), None).await.expect("an answer");
    let other_key = digota_core::port::gateway::Call { key: "another".to_owned(), ..first.clone() };
    let other_attempt = digota_core::port::gateway::Call { key: first.key.clone(), ..call() };
    for (call, amount) in [(&first, 101), (&other_key, 100), (&other_attempt, 100)] {
        let answer = gateway.charge(call, &intent(amount), &token("visa"), None).await;
        assert!(matches!(answer, Err(GatewayError::Unknown(_))), "{answer:?}");
    }
    assert_eq!(sandbox.moved(), 100);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_effect() {
    let (sandbox, gateway) = open(Options { effect_jitter: Duration::from_millis(50), ..options() });
    let call = call();
    let (intent, source) = (intent(100), token("visa"));
    let charge = gateway.charge(&call, &intent, &source, None);
    // Drops the call right after it was sent.
    assert!(tokio::time::timeout(Duration::ZERO, charge).await.is_err());
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(found(&gateway, &call, Op::Charge).await, Outcome::Succeeded);
    assert_eq!(sandbox.moved(), 100);
}

#[tokio::test]
async fn a_late_effect_and_a_cancel_never_both_happen() {
    let late = Duration::from_millis(20);
    let (sandbox, gateway) = open(Options { late, ..options() });
    let race = |wait: u64| {
        let gateway = gateway.clone();
        async move {
            let call = call();
            let sent = gateway.charge(&call, &intent(1), &token("late"), None).await;
            assert!(matches!(sent, Err(GatewayError::Unknown(_))), "{sent:?}");
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let told = gateway.cancel(&lookup(&call, Op::Charge)).await.expect("an answer").outcome;
            tokio::time::sleep(Duration::from_millis(60)).await;
            assert_eq!(found(&gateway, &call, Op::Charge).await, told);
            told
        }
    };
    let races = (0..200).map(|n| tokio::spawn(race(n % 40))).collect::<Vec<_>>();
    let (mut charged, mut canceled) = (0, 0);
    for race in races {
        match race.await.expect("no race panics") {
            Outcome::Succeeded => charged += 1,
            Outcome::Canceled => canceled += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(charged > 0 && canceled > 0, "{charged} charged, {canceled} canceled");
    assert_eq!(sandbox.moved(), charged);
    let canceled_entries = entries(&sandbox).await.iter().filter(|e| e.event == Event::Cancel).count();
    assert_eq!(canceled_entries, canceled);
}

#[tokio::test]
async fn lost_requests_have_no_effect_and_lost_answers_have_one() {
    let (sandbox, gateway) = open(Options { lose_before: 0.3, lose_after: 0.3, seed: 7, ..options() });
    let (mut lost, mut seen) = (0, 0);
    for _ in 0..200 {
        let call = call();
        let answered = gateway.charge(&call, &intent(1), &token("visa"), None).await.is_ok();
        let effect = gateway.find(&lookup(&call, Op::Charge)).await != Ok(Finding::Absent);
        assert!(effect || !answered);
        lost += i128::from(!effect);
        seen += i128::from(effect && !answered);
    }
    assert!(lost > 20 && seen > 20, "{lost} requests and {seen} answers lost");
    assert_eq!(sandbox.moved(), 200 - lost);
}

#[tokio::test]
async fn answers_take_as_long_as_asked() {
    let limits = Limits { total: Duration::from_secs(1), ..Limits::default() };
    let slow = Options { delay: Duration::from_millis(40), slow: Duration::from_secs(60), ..options() };
    let gateway = Sandbox::open(slow).expect("a sandbox").gateway(limits);
    let start = std::time::Instant::now();
    gateway.charge(&call(), &intent(1), &token("visa"), None).await.expect("an answer");
    assert!(start.elapsed() >= Duration::from_millis(40));
    let call = call();
    let answer = gateway.charge(&call, &intent(1), &token("slow"), None).await;
    assert!(matches!(answer, Err(GatewayError::Unknown(_))), "over the limit: {answer:?}");
    assert_eq!(found(&gateway, &call, Op::Charge).await, Outcome::Succeeded);
}

#[tokio::test]
async fn the_record_says_what_moved_and_of_the_card_only_its_row() {
    let (sandbox, gateway) = open(options());
    let source = visa("4242424242424242");
    let charge = gateway.charge(&call(), &intent(100), &source, None).await.expect("an answer");
    let reference = charge.reference.expect("a reference");
    gateway.refund(&call(), &reference, euro(40), RefundReason::Duplicate).await.expect("an answer");
    gateway.charge(&call(), &intent(100), &visa("4539578763621486"), None).await.expect("an answer");
    let lines = entries(&sandbox).await;
    let moved: Vec<_> = lines.iter().map(|entry| (entry.event, entry.status, entry.moved)).collect();
    let want = [
        (Event::Charge, Status::Succeeded, 100),
        (Event::Refund, Status::Succeeded, -40),
        (Event::Charge, Status::Declined, 0),
    ];
    assert_eq!(moved, want);
    assert_eq!((lines[0].card.as_str(), lines[0].statement.as_str()), ("visa", "Order 1"));
    let text = String::from_utf8(sandbox.journal().await.expect("a record")).expect("text");
    for secret in ["4242424242424242", "4539578763621486", "1486", "\"987\"", "Lovelace"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
