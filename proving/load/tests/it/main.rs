//! The load generator against the bare server, as two processes.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A bare server that ends with the test.
struct Bare {
    process: Child,
    address: String,
    folder: TempDir,
}

impl Bare {
    fn start() -> Self {
        let folder = certificates();
        let mut command = Command::new(env!("CARGO_BIN_EXE_digota-load"));
        command.arg("bare").args(tls(folder.path(), "ca")).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address, folder }
    }

    fn load(&self, ca: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_digota-load"));
        command.args([
            "run",
            "--address",
            &self.address,
            "--connections=2",
            "--warmup-ms=50",
            "--time-ms=200",
        ]);
        command.args(tls(self.folder.path(), ca)).args(arguments).output().unwrap()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Arguments that name the trusted CA and an end's certificate of the CA called `ca`.
fn tls(folder: &Path, ca: &str) -> [String; 3] {
    let file = |name: &str| folder.join(name).display().to_string();
    [
        format!("--ca={}", file("ca.crt")),
        format!("--cert={}", file(&format!("{ca}.end.crt"))),
        format!("--key={}", file(&format!("{ca}.end.key"))),
    ]
}

/// A folder with a CA, a stranger's CA, and a certificate of each.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for ca in ["ca", "stranger"] {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let end =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write(&format!("{ca}.crt"), issuer.pem());
        write(&format!("{ca}.end.crt"), end.pem());
        write(&format!("{ca}.end.key"), key.serialize_pem());
    }
    folder
}

#[test]
fn bare_calls_are_measured_over_mutual_tls() {
    let output = Bare::start()
        .load("ca", &["--flow=bare", "--concurrency=8", "--request-bytes=40", "--reply-bytes=300"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&row["flow"], &row["errors"]), (&"bare".into(), &0.into()));
    assert_eq!((&row["request_bytes"], &row["reply_bytes"]), (&40.into(), &300.into()));
    assert!(row["calls"].as_u64().unwrap() > 0);
    assert!(row["p50_us"].as_u64().unwrap() <= row["p999_us"].as_u64().unwrap());
}

#[test]
fn a_stranger_is_not_measured() {
    let output = Bare::start().load("stranger", &["--flow=bare", "--concurrency=1"]);
    assert!(!output.status.success());
}

#[test]
fn a_run_whose_calls_fail_is_no_result() {
    let output = Bare::start().load("ca", &["--flow=sku-get", "--concurrency=1"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("a product"));
}

#[test]
fn a_worker_waits_for_its_answer_before_the_next_call() {
    let output = Bare::start().load("ca", &["--flow=bare", "--concurrency=1"]);
    let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (calls, mean_us) = (row["calls"].as_u64().unwrap(), row["mean_us"].as_f64().unwrap());
    // One worker can't have spent more time in calls than there was, give or take the call at the edge.
    let spent_us = calls.saturating_sub(1) * mean_us as u64;
    assert!(spent_us <= 200_000, "{calls} calls of {mean_us} µs");
}
