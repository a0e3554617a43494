//! The sandbox as a process of its own, and its record: the tests' oracle for money.

use std::net::SocketAddr;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Process, digota};

/// A line of the record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    /// The money that moved: from the buyer if positive.
    pub(crate) moved: i64,
    /// What the buyer reads.
    #[serde(default)]
    pub(crate) statement: String,
}

/// Reads a record.
pub(super) fn read(text: &str) -> Vec<Entry> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What came from buyers and what went back, one by one.
pub(crate) fn moved(journal: &[Entry]) -> Vec<i64> {
    journal.iter().map(|entry| entry.moved).filter(|moved| *moved != 0).collect()
}

/// A running sandbox.
pub(crate) struct Sandbox {
    /// Its process.
    pub(crate) process: Process,
    address: SocketAddr,
}

impl Sandbox {
    /// Starts one, with further words for its command line.
    pub(crate) async fn start(words: &[&str]) -> Sandbox {
        Sandbox::listening("127.0.0.1:0", words).await
    }

    /// Starts another at the address of this one, which has ended.
    pub(crate) async fn again(&self, words: &[&str]) -> Sandbox {
        Sandbox::listening(&self.address.to_string(), words).await
    }

    async fn listening(address: &str, words: &[&str]) -> Sandbox {
        let mut command = digota(&["sandbox", "--listen", address]);
        command.args(words);
        let mut process = Process::spawn(command);
        let address = process.address("the sandbox is serving; no real money moves").await;
        Sandbox { process, address }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its record.
    pub(crate) async fn journal(&self) -> Vec<Entry> {
        read(&self.record().await)
    }

    /// Its record as it was written.
    pub(crate) async fn record(&self) -> String {
        self.http("GET", "/v1/journal").await
    }

    /// The buyer passes or fails the challenge at this URL.
    pub(crate) async fn challenge(&self, url: &str, passed: bool) {
        let path = url.strip_prefix(&self.url()).unwrap();
        self.http("POST", &format!("{path}?result={}", if passed { "ok" } else { "fail" })).await;
    }

    /// The body of the answer to a request without one.
    async fn http(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        // A failed challenge is 402, a passed one leads back to the shop with 303.
        let known =
            ["200", "303", "402"].iter().any(|status| head.starts_with(&format!("HTTP/1.1 {status}")));
        assert!(known, "{answer}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        body.to_owned()
    }
}
