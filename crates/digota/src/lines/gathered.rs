//! Replies that are ready at about the same time leave together: one record and one system call for many.
//!
//! HTTP/2 flushes after every reply, and within each, and replies come in bursts: the storage commits in groups. So a flush
//! sends nothing. Whoever serves the connection sends, once it has nothing left to add.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much may gather, in bytes, before it is sent without being told to: what a TLS record holds.
const GATHERED_MAX: usize = 16 * 1024;

/// A stream that sends when it is [told to](Gathered::poll_send). Clones are of the same stream.
#[derive(Debug)]
pub(super) struct Gathered<S>(Arc<Mutex<Outlet<S>>>);

#[derive(Debug)]
struct Outlet<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How much of `waiting` the stream has taken.
    taken: usize,
    /// Why the last of it could not be sent: for who writes next.
    failure: Option<io::Error>,
}

impl<S> Clone for Gathered<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Arc::new(Mutex::new(Outlet { stream, waiting: Vec::new(), taken: 0, failure: None })))
    }

    fn outlet(&self) -> MutexGuard<'_, Outlet<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Sends what has gathered, as far as the other side takes it; the task is woken when it takes more. Where that fails, the
    /// next flush says why, and the task is woken for it.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) {
        let mut outlet = self.outlet();
        if let Poll::Ready(Err(error)) = outlet.poll_send(context) {
            outlet.failure = Some(error);
            context.waker().wake_by_ref();
        }
    }
}

impl<S: AsyncWrite + Unpin> Outlet<S> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.waiting.len() {
            let rest = &self.waiting[self.taken..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.taken += n,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.waiting.clear();
        self.taken = 0;
        Poll::Ready(Ok(()))
    }

    /// Makes room, where too much waits.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.len() < GATHERED_MAX { Poll::Ready(Ok(())) } else { self.poll_send(context) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outlet().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut outlet = self.outlet();
        ready!(outlet.poll_room(context))?;
        outlet.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut outlet = self.outlet();
        ready!(outlet.poll_room(context))?;
        let before = outlet.waiting.len();
        slices.iter().for_each(|slice| outlet.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(outlet.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.outlet().failure.take().map_or(Ok(()), Err))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outlet = self.outlet();
        ready!(outlet.poll_send(context))?;
        Pin::new(&mut outlet.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    async fn send(near: &Gathered<DuplexStream>) {
        poll_fn(|context| {
            near.poll_send(context);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_flushed_leaves_when_it_is_sent_all_of_it_together() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut near = Gathered::new(near);
        near.write_all(b"one ").await.unwrap();
        near.flush().await.unwrap();
        near.write_all(b"two").await.unwrap();
        near.flush().await.unwrap();
        let mut got = [0; 8];
        assert!(far.read(&mut got).now_or_never().is_none(), "nothing was sent yet");
        send(&near).await;
        assert_eq!(far.read(&mut got).await.unwrap(), 7);
        assert_eq!(&got[..7], b"one two");
    }

    #[tokio::test]
    async fn what_the_other_side_does_not_take_is_sent_when_it_does() {
        let (near, mut far) = tokio::io::duplex(3);
        let mut near = Gathered::new(near);
        near.write_all(b"seven b").await.unwrap();
        let sending = tokio::spawn(poll_fn(move |context| {
            near.poll_send(context);
            if near.outlet().waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }));
        let mut got = [0; 7];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"seven b");
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn a_full_stream_is_waited_for_and_nothing_is_lost() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Gathered::new(near);
        let sent: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            for part in copy.chunks(30_000) {
                near.write_all(part).await.unwrap();
            }
            near.shutdown().await.unwrap();
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        writing.await.unwrap();
        assert_eq!(got, sent);
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error_of_the_next_flush() {
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let mut near = Gathered::new(near);
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
        send(&near).await;
        assert!(near.flush().await.is_err());
    }
}
