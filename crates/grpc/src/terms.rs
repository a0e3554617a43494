//! On what terms a caller waits: its deadline and its idempotency key.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use digota_core::access::Principal;
use digota_core::port::store::KeyScope;
use digota_core::shop::{Key, Progress, Shop, Terms};
use digota_core::{Error, Result};
use digota_proto::orderpb::PayRequest;
use digota_proto::paymentpb::{Card, ChargeRequest};
use futures_util::future::{Either, select};
use http::HeaderMap;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::access::Rpc;
use crate::{Edge, status};

/// How long a caller without a deadline waits.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// How long before the caller's deadline there must be an answer: a tenth of it, within these bounds.
const MARGIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// How much longer than the shop the edge waits for the shop's own answer that there is none yet.
const PATIENCE: Duration = Duration::from_millis(10);

/// A request whose bytes tell it from others, without its secrets.
pub(crate) trait Fingerprint {
    fn bytes(&self) -> Vec<u8>;
}

macro_rules! without_card {
    ($($message:ty),+ $(,)?) => {$(
        impl Fingerprint for $message {
            fn bytes(&self) -> Vec<u8> {
                self.encode_to_vec()
            }
        }
    )+};
}

without_card!(
    digota_proto::productpb::NewRequest,
    digota_proto::productpb::UpdateRequest,
    digota_proto::productpb::DeleteRequest,
    digota_proto::skupb::NewRequest,
    digota_proto::skupb::UpdateRequest,
    digota_proto::skupb::DeleteRequest,
    digota_proto::skupb::AdjustInventoryRequest,
    digota_proto::orderpb::NewRequest,
    digota_proto::orderpb::ReturnRequest,
    digota_proto::orderpb::FulfillRequest,
    digota_proto::orderpb::CancelRequest,
    digota_proto::paymentpb::RefundRequest,
    digota_proto::paymentpb::CaptureRequest,
    digota_proto::paymentpb::VoidRequest,
);

impl Fingerprint for PayRequest {
    fn bytes(&self) -> Vec<u8> {
        PayRequest { card: self.card.as_ref().map(masked), ..self.clone() }.encode_to_vec()
    }
}

impl Fingerprint for ChargeRequest {
    fn bytes(&self) -> Vec<u8> {
        ChargeRequest { card: self.card.as_ref().map(masked), ..self.clone() }.encode_to_vec()
    }
}

/// A card without its number, but for the last four digits, and without its verification code.
fn masked(card: &Card) -> Card {
    let last4 = card.number.char_indices().rev().nth(3).map_or("", |(at, _)| &card.number[at..]);
    Card { number: last4.to_owned(), cvc: String::new(), ..card.clone() }
}

impl Edge {
    /// The terms of a write.
    pub(crate) fn terms<M: Fingerprint>(&self, request: &Request<M>) -> Result<Terms> {
        let mut terms = self.deadline(request.metadata())?;
        terms.key = key(request)?;
        Ok(terms)
    }

    /// How long a caller waits.
    pub(crate) fn deadline(&self, metadata: &MetadataMap) -> Result<Terms> {
        let wait = deadline(metadata.as_ref())?.unwrap_or(DEFAULT_WAIT);
        let margin = (wait / 10).clamp(MARGIN.0, MARGIN.1);
        Ok(Terms::until(self.shop.now().after(wait.saturating_sub(margin).max(wait / 2))))
    }

    /// Runs a request that moves money on its own, so that a caller who hangs up can't cut it in half, and waits for it as long
    /// as the terms allow.
    pub(crate) async fn detached<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        terms: Terms,
        run: impl FnOnce(Arc<Shop>, Terms) -> F,
    ) -> Result<T> {
        let (progress, answer_by) = (terms.progress.clone(), terms.answer_by);
        // Whoever was answered or went away is not charged by what had not begun: a clock may say that there is time left.
        let caller = Caller(progress);
        let task = self.tasks.spawn(run(Arc::clone(&self.shop), terms));
        let wait = answer_by.since(self.shop.now()) + PATIENCE;
        let clock = Arc::clone(self.shop.clock());
        match select(task, clock.sleep(wait)).await {
            Either::Left((Ok(result), _)) => result,
            Either::Left((Err(failure), _)) => {
                Err(Error::internal(format!("a request ended badly: {failure}")))
            }
            Either::Right(_) => Err(Error::Pending { charge: caller.0.charge() }),
        }
    }
}

/// How long the caller waits, if it says so.
pub(crate) fn deadline(headers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let rule = "must be at most 8 digits and one of H M S m u n";
    let wait = value.to_str().ok().and_then(timeout);
    wait.map(Some).ok_or_else(|| Error::invalid("grpc-timeout", rule))
}

/// Somebody who waits for a request, and by being dropped does not any more.
struct Caller(Progress);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Runs a handler's body and turns its errors into statuses.
pub(crate) async fn reply<T>(
    body: impl Future<Output = Result<T>>,
) -> std::result::Result<Response<T>, Status> {
    body.await.map(Response::new).map_err(status::of)
}

fn key<M: Fingerprint>(request: &Request<M>) -> Result<Option<Key>> {
    let mut given = request.metadata().get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    let good = |key: &&str| {
        (16..=128).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
    };
    let only = given.next().is_none();
    let key = value.to_str().ok().filter(|key| only && good(key)).ok_or_else(|| {
        let rule = "must be given once: 16 to 128 characters of A-Z a-z 0-9 . _ : -";
        Error::invalid("idempotency-key", rule)
    })?;
    let (Some(rpc), Some(principal)) =
        (request.extensions().get::<Rpc>(), request.extensions().get::<Arc<Principal>>())
    else {
        return Err(Error::internal("a request passed no gate"));
    };
    let scope =
        KeyScope { principal: principal.name.clone(), method: rpc.path.to_owned(), key: key.to_owned() };
    Ok(Some(Key { scope, fingerprint: hex(&Sha256::digest(request.get_ref().bytes())) }))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// Reads a gRPC deadline: up to 8 digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(n * 3600)),
        'M' => Some(Duration::from_secs(n * 60)),
        'S' => Some(Duration::from_secs(n)),
        'm' => Some(Duration::from_millis(n)),
        'u' => Some(Duration::from_micros(n)),
        'n' => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_the_grpc_specification_writes_them() {
        assert_eq!(timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout("200m"), Some(Duration::from_millis(200)));
        for bad in ["", "S", "5", "-5S", "5s", "123456789S", "5.5S", "5é"] {
            assert_eq!(timeout(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_fingerprint_knows_nothing_but_the_last_four_digits() {
        let card = |number: &str, cvc: &str| {
            let card = Card { number: number.into(), cvc: cvc.into(), r#type: 2, ..Card::default() };
            PayRequest { card: Some(card), ..PayRequest::default() }.bytes()
        };
        assert_eq!(card("4242424242424242", "123"), card("4000000000004242", "456"));
        assert_ne!(card("4242424242424242", "123"), card("4000000000000002", "123"));
        let shown = String::from_utf8_lossy(&card("4242424242424242", "987")).into_owned();
        assert!(!shown.contains("42424") && !shown.contains("987"), "{shown}");
    }
}
