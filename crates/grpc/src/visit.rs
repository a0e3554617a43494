//! A call that was let in: unary ones end soon, streams end when their caller is no longer welcome or their connection leaves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use digota_core::access::Principal;
use http::{Extensions, HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tonic::body::Body;

use crate::access::{Rpc, Work};
use crate::crowd::Share;
use crate::gate::Doors;
use crate::line::Line;
use crate::status;
use crate::wire::Reply;

/// How often the caller of an open stream is asked for at the doors again.
const RECHECK: Duration = Duration::from_secs(5);

/// A call that was let in.
pub(crate) struct Visit {
    rpc: Rpc,
    caller: Arc<Principal>,
    /// For a stream: the doors, and the connection that the caller came in by.
    again: Option<(Arc<dyn Doors>, Extensions)>,
}

impl Visit {
    pub(crate) fn new(
        rpc: Rpc,
        caller: Arc<Principal>,
        doors: Arc<dyn Doors>,
        connection: &Extensions,
    ) -> Visit {
        let goes_on = matches!(rpc.work, Work::Stream | Work::Dialogue);
        let again = goes_on.then(|| (doors, connection.clone()));
        Visit { rpc, caller, again }
    }

    /// The caller's name.
    pub(crate) fn caller(&self) -> &str {
        &self.caller.name
    }

    /// The reply; a stream of it ends when the caller is not welcome any more, or the connection is to end.
    pub(crate) fn watch_over(self, reply: Response<Reply>, line: &Line) -> Response<Reply> {
        if self.again.is_none() {
            return reply;
        }
        reply.map(|reply| reply.within(|body| Body::new(Watched::new(body, self, line))))
    }

    /// Whether the caller would be let in now.
    fn check(&self) -> Result<(), Status> {
        let Some((doors, connection)) = &self.again else { return Ok(()) };
        let caller = doors.admit(connection).map_err(status::stranger)?;
        if self.rpc.is_open_to(&caller) { Ok(()) } else { Err(status::scope_missing(self.rpc)) }
    }
}

/// The body of a stream, which is cut off with a status when its caller may not have more.
struct Watched {
    /// `None` once it was cut off.
    body: Option<Body>,
    visit: Visit,
    share: Arc<Share>,
    /// Ready when it is time to look at the doors again.
    recheck: Pin<Box<dyn Future<Output = ()> + Send>>,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Watched {
    fn new(body: Body, visit: Visit, line: &Line) -> Watched {
        let share = Arc::clone(&line.share);
        let recheck = pause(Arc::clone(&share));
        Watched { body: Some(body), visit, share, recheck, left: Box::pin(line.left()) }
    }

    /// The last frame, if the connection is to end, or if it is time to look and the caller is not welcome.
    fn cut_off(&mut self, cx: &mut Context<'_>) -> Option<Frame<Bytes>> {
        if self.left.as_mut().poll(cx).is_ready() {
            return Some(self.end(&status::leaving()));
        }
        while self.recheck.as_mut().poll(cx).is_ready() {
            self.recheck = pause(Arc::clone(&self.share));
            let Err(status) = self.visit.check() else { continue };
            return Some(self.end(&status));
        }
        None
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        let (rpc, caller) = (self.visit.rpc.path, self.visit.caller());
        tracing::info!(rpc, caller, code = ?status.code(), detail = status.message(), "stream ended");
        self.body = None;
        let mut trailers = HeaderMap::new();
        // Our statuses are text that headers can carry; without the status the stream ends all the same.
        let _ = status.add_header(&mut trailers);
        Frame::trailers(trailers)
    }
}

/// Waits by the shop's clock until the doors are asked again.
fn pause(share: Arc<Share>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move { share.clock().sleep(RECHECK).await })
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.body.is_some()
            && let Some(last) = self.cut_off(cx)
        {
            return Poll::Ready(Some(Ok(last)));
        }
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use digota_core::access::Scope;
    use digota_core::port::Clock;
    use digota_core::time::Timestamp;
    use http_body_util::{BodyExt, StreamBody};
    use tokio::time::Instant;
    use tokio_stream::Stream;
    use tonic::Code;

    use super::*;
    use crate::crowd::Crowd;
    use crate::gate::Stranger;
    use crate::limits::Limits;

    /// Doors behind which the answer can be changed.
    struct Hinge(Mutex<Result<Vec<Scope>, Stranger>>);

    impl Doors for Hinge {
        fn admit(&self, _: &Extensions) -> Result<Arc<Principal>, Stranger> {
            let scopes = self.0.lock().unwrap().clone()?;
            Ok(Arc::new(Principal { name: "shop".into(), scopes }))
        }
    }

    /// Tells no time, and lets it pass as the runtime does.
    struct RuntimeClock;

    #[tonic::async_trait]
    impl Clock for RuntimeClock {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        async fn sleep(&self, span: Duration) {
            tokio::time::sleep(span).await;
        }
    }

    fn line() -> Line {
        Line::new(Crowd::new(Limits::default(), Arc::new(RuntimeClock)).anybodys_share())
    }

    /// A reader's open stream of these frames.
    fn open<S>(path: &str, frames: S, line: &Line) -> (Arc<Hinge>, Reply)
    where
        S: Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static,
    {
        let doors = Arc::new(Hinge(Mutex::new(Ok(vec![Scope::Read]))));
        let caller = doors.admit(&Extensions::new()).unwrap();
        let visit = Visit::new(Rpc::find(path).unwrap(), caller, doors.clone(), &Extensions::new());
        let reply = Response::new(Reply::plain(Body::new(StreamBody::new(frames))));
        (doors, visit.watch_over(reply, line).into_body())
    }

    /// Says a word whenever it is asked, without end.
    fn words() -> impl Stream<Item = Result<Frame<Bytes>, Status>> {
        tokio_stream::iter(std::iter::repeat_with(|| Ok(Frame::data(Bytes::new()))))
    }

    async fn next(body: &mut Reply) -> Option<Frame<Bytes>> {
        body.frame().await.map(Result::unwrap)
    }

    async fn status(body: &mut Reply) -> Status {
        let trailers = next(body).await.unwrap().into_trailers().expect("no trailers");
        assert!(next(body).await.is_none(), "it goes on after its end");
        Status::from_header_map(&trailers).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_while_its_caller_is_welcome() {
        let (_, mut body) = open("/eventpb.EventService/Watch", words(), &line());
        for _ in 0..10 {
            assert!(next(&mut body).await.unwrap().is_data());
            tokio::time::advance(RECHECK).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_someone_who_was_taken_off_the_list_ends_at_the_next_look() {
        let (doors, mut body) = open("/eventpb.EventService/Watch", words(), &line());
        *doors.0.lock().unwrap() = Err(Stranger::Unlisted("not listed".into()));
        assert!(next(&mut body).await.unwrap().is_data());
        tokio::time::advance(RECHECK).await;
        assert_eq!(status(&mut body).await.code(), Code::Unauthenticated);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_someone_whose_scope_was_taken_away_ends_at_the_next_look() {
        for path in
            ["/eventpb.EventService/Watch", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
        {
            let (doors, mut body) = open(path, words(), &line());
            assert!(next(&mut body).await.unwrap().is_data());
            *doors.0.lock().unwrap() = Ok(vec![Scope::Public]);
            tokio::time::advance(RECHECK).await;
            assert_eq!(status(&mut body).await.code(), Code::PermissionDenied, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_says_nothing_is_looked_at_too() {
        let (doors, mut body) = open("/grpc.health.v1.Health/Watch", tokio_stream::pending(), &line());
        *doors.0.lock().unwrap() = Err(Stranger::Outdated("expired".into()));
        // The clock moves by itself when nobody has anything to do.
        let since = Instant::now();
        assert_eq!(status(&mut body).await.code(), Code::Unauthenticated);
        assert_eq!(since.elapsed(), RECHECK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_on_a_connection_that_is_to_end_ends_at_once() {
        let line = line();
        let (_doors, mut body) = open("/grpc.health.v1.Health/Watch", tokio_stream::pending(), &line);
        let ending = tokio::spawn(async move { status(&mut body).await });
        let since = Instant::now();
        line.leave();
        assert_eq!(ending.await.unwrap().code(), Code::Unavailable);
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
}
