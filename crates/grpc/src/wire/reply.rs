//! The body of a reply: given out in small pieces, and counted until the client has taken it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::crowd::Stream;
use crate::line::Line;
use crate::status;

/// The largest piece, which is also the largest frame: the transport takes a piece whole or not at all.
const PIECE: usize = 16 * 1024;

/// A reply's body.
pub struct Reply {
    inner: Body,
    /// What is left of the message under way.
    rest: Bytes,
    hold: Hold,
}

/// What a reply keeps counted while it is not taken.
enum Hold {
    Nothing,
    /// The reply to a call that has ended: on its line since this interval, with this many bytes of its client.
    Taken {
        line: Arc<Line>,
        interval: usize,
        bytes: usize,
    },
    /// One that goes on: its place.
    Stream {
        _place: Stream,
    },
}

impl Reply {
    /// Of nothing that is counted, such as a refusal.
    pub(crate) fn plain(inner: Body) -> Reply {
        Reply { inner, rest: Bytes::new(), hold: Hold::Nothing }
    }

    /// Of a call that has ended.
    pub(super) fn ended(inner: Body, line: &Arc<Line>) -> Reply {
        let hold = Hold::Taken { line: Arc::clone(line), interval: line.begin_reply(), bytes: 0 };
        Reply { inner, rest: Bytes::new(), hold }
    }

    /// Of a call that goes on.
    pub(super) fn stream(inner: Body, place: Stream) -> Reply {
        Reply { inner, rest: Bytes::new(), hold: Hold::Stream { _place: place } }
    }

    /// The same with its body made into another.
    pub(crate) fn within(self, wrap: impl FnOnce(Body) -> Body) -> Reply {
        Reply { inner: wrap(self.inner), ..self }
    }

    /// The next piece, and what is left after it.
    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() > PIECE {
            self.rest = data.split_off(PIECE);
        }
        Frame::data(data)
    }

    /// A message that comes in several pieces counts against its client. Smaller ones are bounded by the streams there may be.
    fn count(&mut self, message: usize) {
        if let Hold::Taken { line, bytes, .. } = &mut self.hold
            && message > PIECE
        {
            line.share.departing(message);
            *bytes += message;
        }
    }
}

impl http_body::Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end),
        };
        let frame = match frame.into_data() {
            Ok(data) => {
                self.count(data.len());
                self.piece(data)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => Frame::trailers(corrected(trailers)),
                Err(frame) => frame,
            },
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Hold::Taken { line, interval, bytes } = self {
            line.share.departed(*bytes);
            line.end_reply(*interval);
        }
    }
}

/// Only tonic says that something is out of range: a reply larger than is sent.
fn corrected(trailers: HeaderMap) -> HeaderMap {
    match Status::from_header_map(&trailers) {
        Some(status) if status.code() == Code::OutOfRange && status.details().is_empty() => {
            let mut corrected = HeaderMap::new();
            // A status of ours fits into headers.
            let _ = status::reply_too_large().add_header(&mut corrected);
            corrected
        }
        _ => trailers,
    }
}
