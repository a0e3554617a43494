//! The sandbox's record outlives the sandbox.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use digota_core::payment::RefundReason;
use digota_core::port::gateway::{Finding, Op, Outcome};
use digota_gateway::Limits;
use digota_gateway::sandbox::{Options, Sandbox};
use support::*;

fn open(path: &Path) -> std::io::Result<Sandbox> {
    Sandbox::open(Options { journal: Some(path.to_owned()), ..options() })
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn a_restarted_sandbox_knows_what_it_did() {
    let folder = folder();
    let path = folder.path().join("sandbox.jsonl");
    let (paid, refund, never) = (call(), call(), call());
    let before = {
        let sandbox = open(&path).expect("a sandbox");
        let gateway = sandbox.gateway(Limits::default());
        let charge = gateway.charge(&paid, &intent(100), &token("visa"), None).await.expect("an answer");
        let reference = charge.reference.clone().expect("a reference");
        gateway.refund(&refund, &reference, euro(30), RefundReason::Fraud).await.expect("an answer");
        gateway.cancel(&lookup(&never, Op::Charge)).await.expect("an answer");
        charge
    };
    let sandbox = open(&path).expect("a sandbox");
    let gateway = sandbox.gateway(Limits::default());
    assert_eq!(sandbox.moved(), 70);
    let again = gateway.charge(&paid, &intent(100), &token("visa"), None).await;
    assert_eq!(again.as_ref(), Ok(&before), "the same key");
    let late = gateway.charge(&never, &intent(100), &token("visa"), None).await.expect("an answer");
    assert_eq!(late.outcome, Outcome::Canceled);
    let reference = before.reference.expect("a reference");
    let beyond = gateway.refund(&call(), &reference, euro(71), RefundReason::Fraud).await.expect("an answer");
    assert!(matches!(beyond.outcome, Outcome::Declined(_)), "{beyond:?}");
    assert_eq!(sandbox.moved(), 70);
}

#[tokio::test]
async fn what_was_pending_ends_after_a_restart() {
    let folder = folder();
    let path = folder.path().join("sandbox.jsonl");
    let call = call();
    let gateway = open(&path).expect("a sandbox").gateway(Limits::default());
    gateway.charge(&call, &intent(100), &token("pending_succeeds"), None).await.expect("an answer");
    drop(gateway);
    // The clock of these tests starts anew: what is due is due by the record's own time.
    let sandbox = open(&path).expect("a sandbox");
    let gateway = sandbox.gateway(Limits::default());
    assert_eq!(sandbox.moved(), 0);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let Ok(Finding::Found(answer)) = gateway.find(&lookup(&call, Op::Charge)).await else { panic!("absent") };
    assert_eq!((answer.outcome, sandbox.moved()), (Outcome::Succeeded, 100));
}

/// Whatever a crash leaves of the last write was never answered.
#[tokio::test]
async fn a_torn_last_line_is_dropped_and_written_over() {
    let folder = folder();
    let path = folder.path().join("sandbox.jsonl");
    let (first, second) = (call(), call());
    let gateway = open(&path).expect("a sandbox").gateway(Limits::default());
    gateway.charge(&first, &intent(1), &token("visa"), None).await.expect("an answer");
    let one = std::fs::read(&path).expect("a record");
    gateway.charge(&second, &intent(2), &token("visa"), None).await.expect("an answer");
    drop(gateway);
    let both = std::fs::read(&path).expect("a record");
    for end in one.len()..both.len() {
        std::fs::write(&path, &both[..end]).expect("a file");
        let sandbox = open(&path).expect("a sandbox");
        assert_eq!(sandbox.moved(), 1, "cut at {end}");
        let gateway = sandbox.gateway(Limits::default());
        assert_eq!(gateway.find(&lookup(&second, Op::Charge)).await, Ok(Finding::Absent));
        gateway.charge(&call(), &intent(4), &token("visa"), None).await.expect("an answer");
        drop((gateway, sandbox));
        assert_eq!(open(&path).expect("a whole record").moved(), 5, "cut at {end}");
    }
}

/// A copy of the file is what a kill would leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_is_in_the_file_already() {
    let folder = folder();
    let path = folder.path().join("sandbox.jsonl");
    let sandbox = open(&path).expect("a sandbox");
    let payers = (0..32).map(|_| {
        let (gateway, path) = (sandbox.gateway(Limits::default()), path.clone());
        tokio::spawn(async move {
            for _ in 0..10 {
                let call = call();
                gateway.charge(&call, &intent(1), &token("visa"), None).await.expect("an answer");
                let left = std::fs::read_to_string(&path).expect("a record");
                assert!(left.contains(&call.attempt.to_string()), "answered, but not written");
            }
        })
    });
    for payer in payers.collect::<Vec<_>>() {
        payer.await.expect("every payer finds its charges");
    }
    let copy = folder.path().join("copy.jsonl");
    std::fs::copy(&path, &copy).expect("a copy");
    assert_eq!(open(&copy).expect("a sandbox").moved(), 320);
}

#[tokio::test]
async fn a_record_belongs_to_one_sandbox_and_to_its_owner_alone() {
    let folder = folder();
    let path = folder.path().join("sandbox.jsonl");
    let first = open(&path).expect("a sandbox");
    let second = open(&path).err().expect("in use").to_string();
    assert!(second.contains("in use"), "{second}");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(first);
    assert!(open(&path).is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_record_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "buy milk\n").expect("a file");
    let error = open(&path).err().expect("not a record").to_string();
    assert!(error.contains("line 1"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "buy milk\n");
}
