//! Without TLS: for one machine.

use digota_proto::productpb::ListRequest;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::harness::{Client, Process, digota, eventually};

const ALLOW: &str = "DIGOTA_INSECURE_PUBLIC=true";

fn insecure(folder: &TempDir, address: &str) -> std::process::Command {
    let mut command = digota(&["serve"]);
    command.current_dir(folder.path()).env("DIGOTA_ADDRESS", address).env("DIGOTA_INSECURE", "true");
    command
}

async fn works(mut process: Process) {
    let port = process.address("serving").await.port();
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    let anybody = Client::new(endpoint.connect().await.unwrap());
    anybody.product().await;
    assert_eq!(anybody.products().list(ListRequest::default()).await.unwrap().into_inner().total, 1);
    assert!(process.log().contains("insecure: no TLS"), "{}", process.log());
}

#[tokio::test]
async fn without_tls_everybody_on_this_machine_may_do_everything_and_the_log_warns() {
    let folder = TempDir::new().unwrap();
    works(Process::spawn(insecure(&folder, "127.0.0.1:0"))).await;
}

/// A signal that nobody waits for would end it.
#[tokio::test]
async fn without_tls_a_hangup_does_no_harm() {
    let folder = TempDir::new().unwrap();
    let mut process = Process::spawn(insecure(&folder, "127.0.0.1:0"));
    process.address("serving").await;
    process.hang_up();
    let told = async || process.log().contains("nothing to reload").then_some(());
    eventually("it says that there is nothing to reload", told).await;
    works(process).await;
}

#[tokio::test]
async fn without_tls_a_public_address_is_refused_with_the_line_that_allows_it() {
    for address in ["0.0.0.0:0", ":0", "[::]:0"] {
        let folder = TempDir::new().unwrap();
        let output = insecure(&folder, address).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(ALLOW), "{address}: {text}");
    }
}

#[tokio::test]
async fn without_tls_a_public_address_works_once_it_is_allowed() {
    let folder = TempDir::new().unwrap();
    let mut command = insecure(&folder, "0.0.0.0:0");
    let (name, value) = ALLOW.split_once('=').unwrap();
    command.env(name, value);
    works(Process::spawn(command)).await;
}
