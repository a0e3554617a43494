//! Measures how many charges a second the sandbox takes, its record synced in groups: inside the process and over HTTP.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::card::Source;
use digota_core::port::gateway::{Call, Intent, Outcome};
use digota_core::port::{Clock, Gateway};
use digota_core::time::Timestamp;
use digota_gateway::Limits;
use digota_gateway::sandbox::{self, Options, Sandbox};
use uuid::Uuid;

static NEXT: AtomicU64 = AtomicU64::new(1);

struct SteadyClock(Instant);

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_784_073_600).after(self.0.elapsed())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let journal = std::env::temp_dir().join(format!("sandbox-speed-{}.jsonl", std::process::id()));
    let options =
        Options { journal: Some(journal.clone()), ..Options::new(Arc::new(SteadyClock(Instant::now()))) };
    let sandbox = Sandbox::open(options)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let served = sandbox.clone();
    tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
    let remote = sandbox::remote(&url, Limits::default()).map_err(std::io::Error::other)?;
    for (way, gateway) in [("in process", sandbox.gateway(Limits::default())), ("over HTTP", remote)] {
        for concurrency in [1, 32, 256] {
            println!("{way}, {concurrency:3} at a time: {} charges/s", rate(&gateway, concurrency).await);
        }
    }
    std::fs::remove_file(journal)
}

async fn rate(gateway: &Arc<dyn Gateway>, concurrency: u64) -> u128 {
    let start = Instant::now();
    let deadline = start + Duration::from_secs(3);
    let payers = (0..concurrency).map(|_| {
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move {
            let mut paid = 0_u64;
            while Instant::now() < deadline {
                let attempt = Uuid::from_u64_pair(NEXT.fetch_add(1, Ordering::Relaxed), 1);
                let call = Call { attempt, key: attempt.to_string() };
                let token = Source::Token("tok_visa".to_owned().into());
                let answer = gateway.charge(&call, &intent(), &token, None).await.expect("an answer");
                assert_eq!(answer.outcome, Outcome::Succeeded);
                paid += 1;
            }
            paid
        })
    });
    let mut total = 0;
    for payer in payers.collect::<Vec<_>>() {
        total += u128::from(payer.await.expect("no payer panics"));
    }
    total * 1000 / start.elapsed().as_millis()
}

fn intent() -> Intent {
    Intent {
        money: Money { amount: 4726, currency: Currency::from_code("EUR").expect("a currency") },
        statement: "Order 0190b3a4-0000-7000-8000-000000000001".to_owned(),
        email: String::new(),
        capture_later: false,
        return_url: String::new(),
    }
}
