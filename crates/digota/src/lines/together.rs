//! The calls of a connection, run in the task that serves it.
//!
//! A task for each would be woken, and then the connection's, once per reply. So one is woken, for all replies that are there.

use std::future::Future;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;
type Coming = Mutex<Vec<Call>>;

/// The calls under way on a connection. They end with this, wherever they are.
#[derive(Default)]
pub(super) struct Together {
    coming: Arc<Coming>,
    calls: FuturesUnordered<Call>,
}

/// Where a connection sends its calls, and each call what it starts. As each has one, none keeps the calls.
#[derive(Clone)]
pub(super) struct Entrance(Weak<Coming>);

impl Together {
    /// The way in.
    pub(super) fn entrance(&self) -> Entrance {
        Entrance(Arc::downgrade(&self.coming))
    }

    /// Takes each call as far as it goes now, and says whether one has ended. One that has something for the connection wakes it.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let mut has_one_ended = false;
        loop {
            let coming = mem::take(&mut *lock(&self.coming));
            self.calls.extend(coming);
            while let Poll::Ready(Some(())) = self.calls.poll_next_unpin(context) {
                has_one_ended = true;
            }
            if lock(&self.coming).is_empty() {
                return has_one_ended;
            }
        }
    }
}

fn lock(coming: &Coming) -> MutexGuard<'_, Vec<Call>> {
    coming.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Entrance {
    fn execute(&self, call: F) {
        let Some(coming) = self.0.upgrade() else { return };
        // One that panics takes no other with it.
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        lock(&coming).push(Box::pin(call));
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use tokio::sync::oneshot;
    use tokio::sync::oneshot::error::TryRecvError::Closed;

    use super::*;

    async fn once(together: &mut Together) {
        poll_fn(|context| {
            together.poll(context);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_call_that_panics_takes_no_other_with_it() {
        let mut together = Together::default();
        let (say, mut said) = oneshot::channel();
        together.entrance().execute(async { panic!("a call's own fault") });
        together.entrance().execute(async move { say.send("done").unwrap() });
        once(&mut together).await;
        assert_eq!(said.try_recv(), Ok("done"));
    }

    #[tokio::test]
    async fn a_call_that_waits_wakes_the_connection() {
        let mut together = Together::default();
        let ((go, gone), (say, mut said)) = (oneshot::channel::<()>(), oneshot::channel());
        together.entrance().execute(async move {
            gone.await.unwrap();
            say.send("done").unwrap();
        });
        once(&mut together).await;
        assert!(said.try_recv().is_err());
        let connection = tokio::spawn(poll_fn(move |context| {
            together.poll(context);
            said.poll_unpin(context)
        }));
        go.send(()).unwrap();
        assert_eq!(connection.await.unwrap(), Ok("done"));
    }

    #[tokio::test]
    async fn what_a_call_starts_runs_beside_it() {
        let mut together = Together::default();
        let (entrance, (say, mut said)) = (together.entrance(), oneshot::channel());
        together
            .entrance()
            .execute(async move { entrance.execute(async move { say.send("done").unwrap() }) });
        once(&mut together).await;
        assert_eq!(said.try_recv(), Ok("done"));
    }

    #[tokio::test]
    async fn calls_end_with_their_connection_though_each_could_start_more() {
        let mut together = Together::default();
        let call = |held: oneshot::Sender<()>| {
            let entrance = together.entrance();
            async move {
                pending::<()>().await;
                drop((entrance, held));
            }
        };
        let ((begun, mut begun_end), (late, mut late_end)) = (oneshot::channel(), oneshot::channel());
        let (begun, late) = (call(begun), call(late));
        together.entrance().execute(begun);
        once(&mut together).await;
        together.entrance().execute(late);
        let entrance = together.entrance();
        drop(together);
        assert_eq!((begun_end.try_recv(), late_end.try_recv()), (Err(Closed), Err(Closed)));
        let (after, mut after_end) = oneshot::channel::<()>();
        entrance.execute(async move { drop(after) });
        assert_eq!(after_end.try_recv(), Err(Closed));
    }
}
