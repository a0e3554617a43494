//! Replies that are ready at about the same time leave together: one record and one system call for many.
//!
//! HTTP/2 flushes as soon as one reply is there, and replies come in bursts: the storage commits in groups. So a flush
//! lets the tasks that are ready run first, once, and sends whatever they added. It never waits for time to pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much may gather, in bytes, before it is sent without a flush: what a TLS record holds.
const GATHERED_MAX: usize = 16 * 1024;

/// A stream that sends when it is flushed.
#[derive(Debug)]
pub(super) struct Gathered<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How much of `waiting` the stream has taken.
    taken: usize,
    /// Whether others had their turn since the last flush.
    yielded: bool,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, waiting: Vec::new(), taken: 0, yielded: false }
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Hands everything that waits to the stream.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.waiting.len() {
            let rest = &self.waiting[self.taken..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.taken += n,
            }
        }
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
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(context))?;
        self.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(context))?;
        let before = self.waiting.len();
        slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(self.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waiting.is_empty() {
            if !self.yielded {
                self.yielded = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_send(context))?;
        }
        self.yielded = false;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_is_written_while_a_flush_lets_others_run_leaves_with_it() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut near = Gathered::new(near);
        near.write_all(b"one ").await.unwrap();
        assert!(near.flush().now_or_never().is_none(), "others have their turn first");
        near.write_all(b"two").await.unwrap();
        let mut got = [0; 7];
        assert!(far.read_exact(&mut got).now_or_never().is_none(), "nothing was sent yet");
        near.flush().await.unwrap();
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"one two");
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
    async fn a_peer_that_is_gone_is_an_error() {
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let mut near = Gathered::new(near);
        near.write_all(b"hello").await.unwrap();
        assert!(near.flush().await.is_err());
    }
}
