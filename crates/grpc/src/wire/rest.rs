//! What comes of a request that was answered before it had arrived.
//!
//! Whoever is refused is told at once, and goes on sending what it had begun. To hang up on that would be an error of HTTP/2 for
//! each such call, of which a connection may have few: an honest client in an overload would lose its connection over them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::Body;

use super::within;
use crate::crowd::Crowd;

/// Lets the request arrive as if it were to be served, within the same bounds, and throws it away.
pub(crate) fn let_arrive<B>(body: B, crowd: &Crowd)
where
    B: Body<Data = Bytes> + Send + 'static,
{
    if body.is_end_stream() {
        return;
    }
    let mut arriving = Box::pin(discard(body, crowd.limits.request_bytes_max));
    // Most of them are there already.
    if arriving.as_mut().now_or_never().is_none() {
        let (clock, time) = (Arc::clone(&crowd.clock), crowd.limits.request_time);
        tokio::spawn(async move { within(&*clock, time, arriving).await });
    }
}

async fn discard<B: Body<Data = Bytes>>(body: B, mut bytes: usize) {
    let mut body = pin!(body);
    while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Some(left) = bytes.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        bytes = left;
    }
}
