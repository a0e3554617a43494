//! What the tests of this crate share: a clock, cards and questions.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::card::{Brand, Card, CardText, Source};
use digota_core::port::Clock;
use digota_core::port::gateway::{Call, Intent, Lookup, Op};
use digota_core::time::Timestamp;
use digota_gateway::sandbox::Options;
use uuid::Uuid;

/// A clock that starts on 15 July 2026.
pub(crate) struct SteadyClock(Instant);

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_784_073_600).after(self.0.elapsed())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

pub(crate) fn options() -> Options {
    Options::new(Arc::new(SteadyClock(Instant::now())))
}

pub(crate) fn token(name: &str) -> Source {
    Source::Token(format!("tok_{name}").into())
}

pub(crate) fn visa(number: &str) -> Source {
    card(Brand::Visa, number, "987", "12", "2032")
}

pub(crate) fn card(brand: Brand, number: &str, cvc: &str, expiry_month: &str, expiry_year: &str) -> Source {
    let text = CardText { number, cvc, expiry_month, expiry_year, first_name: "Ada", last_name: "Lovelace" };
    Source::Card(Card::new(brand, &text).expect("a card that can be typed"))
}

pub(crate) fn euro(amount: i64) -> Money {
    Money { amount, currency: Currency::from_code("EUR").expect("a currency of the contract") }
}

/// A call of an attempt never used before.
pub(crate) fn call() -> Call {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let attempt = Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number);
    Call { attempt, key: format!("key-{number}") }
}

pub(crate) fn intent(amount: i64) -> Intent {
    Intent {
        money: euro(amount),
        statement: "Order 1".to_owned(),
        email: "ada@example.org".to_owned(),
        capture_later: false,
        return_url: String::new(),
    }
}

pub(crate) fn lookup(call: &Call, op: Op) -> Lookup {
    Lookup { attempt: call.attempt, op, reference: None }
}
