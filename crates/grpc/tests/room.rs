//! The gate with a handler that does what a test wants: places, fairness, time, and what becomes of a panic.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use digota_core::access::{Principal, Scope};
use digota_core::testing::clock::ManualClock;
use digota_core::time::Timestamp;
use digota_grpc::gate::{Doors, GateLayer, Stranger};
use digota_grpc::{Crowd, Limits, Line, Reply, Share};
use http::{Extensions, Request, Response};
use http_body::Body as _;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tokio::sync::watch;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::Service;

const GET: &str = "/productpb.ProductService/Get";
const LIST: &str = "/productpb.ProductService/List";
const NEW: &str = "/productpb.ProductService/New";
const PAY: &str = "/orderpb.OrderService/Pay";

struct Everybody;

impl Doors for Everybody {
    fn admit(&self, _: &Extensions) -> Result<Arc<Principal>, Stranger> {
        Ok(Arc::new(Principal { name: "shop".into(), scopes: vec![Scope::Wildcard] }))
    }
}

/// What the handlers of a test do.
#[derive(Clone)]
enum Handler {
    /// Count that there is one more at work, wait until this says true, then answer.
    Wait(watch::Receiver<bool>, Arc<AtomicUsize>),
    /// Fail as a bug does.
    Panic,
    /// Answer with a message of so many bytes.
    Bytes(usize),
}

impl Service<Request<Body>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let handler = self.clone();
        Box::pin(async move {
            let bytes = match handler {
                Handler::Panic => panic!("a bug with 4242424242424242 in it"),
                Handler::Bytes(bytes) => bytes,
                Handler::Wait(mut go, at_work) => {
                    at_work.fetch_add(1, Ordering::Relaxed);
                    go.wait_for(|go| *go).await.unwrap();
                    0
                }
            };
            Ok(Response::new(Body::new(Full::new(Bytes::from(vec![7; bytes])))))
        })
    }
}

/// A gate before handlers, and its clock.
struct Stage {
    clock: Arc<ManualClock>,
    gate: GateLayer,
    handler: Handler,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Reply>, Infallible>> + Send>>;

impl Stage {
    fn new(limits: Limits, handler: Handler) -> Stage {
        let clock = Arc::new(ManualClock::standing(Timestamp(1_000_000)));
        let crowd = Crowd::new(limits, Arc::clone(&clock) as _);
        Stage { clock, gate: GateLayer::new(Arc::new(Everybody), crowd), handler }
    }

    fn share(&self, client: &str) -> Arc<Share> {
        self.gate.crowd().share_of(client)
    }

    fn line(&self, client: &str) -> Arc<Line> {
        Arc::new(Line::new(self.share(client)))
    }

    /// A call whose message does not come.
    fn silent(&self, line: &Arc<Line>, path: &str) -> Answer {
        line.begin_call();
        let body = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let request = Request::post(path).header("content-type", "application/grpc").body(body).unwrap();
        self.gate.layer(self.handler.clone(), Arc::clone(line)).call(request)
    }

    /// A call, which goes on as it is polled.
    fn call(&self, line: &Arc<Line>, path: &str, deadline: Option<&str>) -> Answer {
        line.begin_call();
        let mut request = Request::post(path).header("content-type", "application/grpc");
        if let Some(deadline) = deadline {
            request = request.header("grpc-timeout", deadline);
        }
        let request = request.body(Full::new(Bytes::from_static(&[0; 5]))).unwrap();
        self.gate.layer(self.handler.clone(), Arc::clone(line)).call(request)
    }
}

/// Polls once: the answer if it is there.
async fn now(call: &mut Answer) -> Option<Response<Reply>> {
    poll_fn(|context| {
        Poll::Ready(match call.as_mut().poll(context) {
            Poll::Ready(Ok(reply)) => Some(reply),
            Poll::Pending => None,
        })
    })
    .await
}

#[track_caller]
fn refused(reply: Option<Response<Reply>>) -> (Code, String) {
    let status = Status::from_header_map(reply.expect("there is no answer").headers()).expect("it was done");
    (
        status.code(),
        status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default(),
    )
}

fn overloaded() -> (Code, String) {
    (Code::ResourceExhausted, "OVERLOADED".to_owned())
}

#[tokio::test]
async fn over_the_limit_a_call_is_refused_at_once_and_a_freed_place_is_used_again() {
    let (go, wait) = watch::channel(false);
    let limits = Limits { in_flight_max: 2, in_flight_reserve: 0, ..Limits::default() };
    let stage = Stage::new(limits, Handler::Wait(wait, Arc::default()));
    let line = stage.line("shop");
    let mut calls: Vec<Answer> = (0..3).map(|_| stage.call(&line, GET, None)).collect();
    assert!(now(&mut calls[0]).await.is_none());
    assert!(now(&mut calls[1]).await.is_none());
    assert_eq!(refused(now(&mut calls[2]).await), overloaded());
    // Its message is not waited for.
    assert_eq!(refused(now(&mut stage.silent(&line, GET)).await), overloaded());
    // Who waits for a gateway is not counted.
    assert!(now(&mut stage.call(&line, PAY, None)).await.is_none());
    // Who hangs up gives the place back, and so does who is answered.
    drop(calls.remove(0));
    let mut next = stage.call(&line, GET, None);
    assert!(now(&mut next).await.is_none());
    assert!(!stage.gate.crowd().is_idle());
    go.send(true).unwrap();
    assert!(now(&mut next).await.is_some() && now(&mut calls[0]).await.is_some());
    assert!(stage.gate.crowd().is_idle());
    // Where there is room it is waited for, and holds no place.
    assert!(now(&mut stage.silent(&line, GET)).await.is_none());
    assert!(stage.gate.crowd().is_idle());
}

#[tokio::test]
async fn a_client_that_takes_everything_leaves_room_for_those_who_take_little() {
    let (_go, wait) = watch::channel(false);
    let limits = Limits { in_flight_max: 100, in_flight_reserve: 20, ..Limits::default() };
    let stage = Stage::new(limits, Handler::Wait(wait, Arc::default()));
    let (greedy, modest) = (stage.line("greedy"), stage.line("modest"));
    let mut all: Vec<Answer> = (0..150).map(|_| stage.call(&greedy, GET, None)).collect();
    let mut served = 0;
    for call in &mut all {
        served += usize::from(now(call).await.is_none());
    }
    assert_eq!(served, 100);
    let mut few: Vec<Answer> = (0..20).map(|_| stage.call(&modest, GET, None)).collect();
    let mut served = 0;
    for call in &mut few {
        served += usize::from(now(call).await.is_none());
    }
    assert_eq!(served, 16);
    assert_eq!(refused(now(&mut stage.call(&greedy, GET, None)).await), overloaded());
    drop((all, few));
    assert!(stage.gate.crowd().is_idle());
}

#[tokio::test]
async fn reads_end_by_their_deadline_or_the_server_s_and_writes_by_theirs() {
    let (_go, wait) = watch::channel(false);
    let stage = Stage::new(Limits::default(), Handler::Wait(wait, Arc::default()));
    let line = stage.line("shop");
    let too_late = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
    for (path, deadline, ms) in [
        (GET, None, 10_000),
        (GET, Some("2S"), 2000),
        (GET, Some("60S"), 10_000),
        (NEW, None, 30_000),
        (NEW, Some("60S"), 60_000),
    ] {
        let mut call = stage.call(&line, path, deadline);
        assert!(now(&mut call).await.is_none());
        stage.clock.advance(Duration::from_millis(ms - 1));
        assert!(now(&mut call).await.is_none(), "{path} {deadline:?}");
        stage.clock.advance(Duration::from_millis(1));
        assert_eq!(refused(now(&mut call).await), too_late, "{path} {deadline:?}");
    }
}

#[tokio::test]
async fn pages_of_a_client_wait_for_each_other_and_not_for_those_of_others() {
    let (_go, wait) = watch::channel(false);
    let at_work = Arc::new(AtomicUsize::new(0));
    let stage = Stage::new(Limits::default(), Handler::Wait(wait, Arc::clone(&at_work)));
    let (greedy, modest) = (stage.line("greedy"), stage.line("modest"));
    let mut many: Vec<Answer> = (0..100).map(|_| stage.call(&greedy, LIST, None)).collect();
    for page in &mut many {
        assert!(now(page).await.is_none());
    }
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(at_work.load(Ordering::Relaxed), 2 * processors);
    assert!(now(&mut stage.call(&modest, LIST, None)).await.is_none());
    assert_eq!(at_work.load(Ordering::Relaxed), 2 * processors + 1);
    // Who waits for its turn is not kept longer than by a deadline.
    stage.clock.advance(Duration::from_secs(10));
    let last = refused(now(&mut many[99]).await);
    assert_eq!(last, (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
}

/// Row 139: the caller learns that it was us, and not what; whoever else is there goes on.
#[tokio::test]
async fn a_panic_is_internal_and_frees_its_place() {
    let limits = Limits { in_flight_max: 1, in_flight_reserve: 0, ..Limits::default() };
    let stage = Stage::new(limits, Handler::Panic);
    let line = stage.line("shop");
    for _ in 0..3 {
        let reply = now(&mut stage.call(&line, GET, None)).await.unwrap();
        let status = Status::from_header_map(reply.headers()).unwrap();
        assert!(!status.message().contains("4242"), "{status:?}");
        assert_eq!(refused(Some(reply)), (Code::Internal, "INTERNAL".to_owned()));
    }
    assert!(stage.gate.crowd().is_idle());
}

#[tokio::test]
async fn a_large_reply_is_given_out_in_pieces_and_counts_against_its_client_until_it_is_taken() {
    let limits =
        Limits { in_flight_max: 1, in_flight_reserve: 1, request_bytes_max: 50_000, ..Limits::default() };
    let stage = Stage::new(limits, Handler::Bytes(40_000));
    let line = stage.line("shop");
    let mut taken = Vec::new();
    for _ in 0..2 {
        let mut reply = Box::pin(now(&mut stage.call(&line, GET, None)).await.unwrap().into_body());
        let first = poll_fn(|context| reply.as_mut().poll_frame(context)).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap().len(), 16 * 1024);
        taken.push(reply);
    }
    let hungry = (Code::ResourceExhausted, "CLIENT_LIMIT".to_owned());
    assert_eq!(refused(now(&mut stage.call(&line, GET, None)).await), hungry);
    let other = stage.line("other");
    assert!(
        Status::from_header_map(now(&mut stage.call(&other, GET, None)).await.unwrap().headers()).is_none()
    );
    assert!(!line.has_stuck_reply() && line.has_stuck_reply());
    let mut bytes = 16 * 1024;
    let mut reply = pin!(taken.remove(0));
    while let Some(frame) = poll_fn(|context| reply.as_mut().as_mut().poll_frame(context)).await {
        let piece = frame.unwrap().into_data().unwrap().len();
        assert!(piece <= 16 * 1024);
        bytes += piece;
    }
    assert_eq!(bytes, 40_000);
    taken.clear();
    reply.set(Box::pin(now(&mut stage.call(&other, GET, None)).await.unwrap().into_body()));
    assert!(
        Status::from_header_map(now(&mut stage.call(&line, GET, None)).await.unwrap().headers()).is_none()
    );
}

#[tokio::test]
async fn a_connection_whose_calls_are_reset_again_and_again_is_abused() {
    let (_go, wait) = watch::channel(false);
    let stage = Stage::new(Limits::default(), Handler::Wait(wait, Arc::default()));
    let line = stage.line("shop");
    for n in 0..499 {
        assert!(now(&mut stage.call(&line, GET, None)).await.is_none(), "{n}");
        assert!(!line.is_abused());
    }
    assert!(now(&mut stage.call(&line, GET, None)).await.is_none());
    assert!(line.is_abused());
    let patient = stage.line("shop");
    let mut answers = Vec::new();
    for n in 0..1000 {
        let mut call = stage.call(&patient, "/productpb.ProductService/Nothing", None);
        answers.push(refused(now(&mut call).await).0);
        if n % 3 == 0 {
            assert!(now(&mut stage.call(&patient, GET, None)).await.is_none());
        }
    }
    assert!(!patient.is_abused());
}

#[tokio::test]
async fn connections_of_one_client_are_counted_together_and_given_back() {
    let stage = Stage::new(Limits { connections_per_client_max: 2, ..Limits::default() }, Handler::Panic);
    let both = (stage.share("shop").connect().unwrap(), stage.share("shop").connect().unwrap());
    assert!(stage.share("shop").connect().is_none());
    assert!(stage.share("other").connect().is_some());
    drop(both);
    assert!(stage.share("shop").connect().is_some());
    let anybody = stage.gate.crowd().anybodys_share();
    let many: Vec<_> = (0..100).map(|_| anybody.connect().unwrap()).collect();
    assert_eq!(many.len(), 100);
}
