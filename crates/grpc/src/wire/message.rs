//! Reads the one message of a request: all of it, once, and nothing that is too large.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tonic::Status;

use crate::crowd::Share;
use crate::status;

/// One byte says whether the message is compressed, four how long it is.
const PREFIX: usize = 5;

/// Reads until the request ends. What comes in pieces counts against the share of its client; most come in one.
pub(super) async fn read<B>(mut body: Pin<&mut B>, share: &Share) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes>,
{
    let max = share.limits().request_bytes_max;
    let Some(first) = next(body.as_mut()).await? else { return Err(status::not_one_message()) };
    if wanted(&first, max)? == Some(first.len()) {
        return match next(body).await? {
            None => Ok(first),
            Some(_) => Err(status::not_one_message()),
        };
    }
    let (mut room, mut read, mut more) = (share.arriving(), BytesMut::new(), first);
    loop {
        // Only for what has arrived: a prefix can promise anything.
        room.grow(more.len())?;
        read.extend_from_slice(&more);
        let wanted = wanted(&read, max)?;
        if wanted.is_some_and(|wanted| read.len() > wanted) {
            return Err(status::not_one_message());
        }
        more = match next(body.as_mut()).await? {
            Some(more) => more,
            None if wanted == Some(read.len()) => return Ok(read.freeze()),
            None => return Err(status::malformed_message()),
        };
    }
}

/// The next bytes that are not empty; `None` at the end.
async fn next<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, Status> {
    loop {
        match poll_fn(|context| body.as_mut().poll_frame(context)).await {
            None => return Ok(None),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                // Trailers of a request: gRPC has none, so nobody looks at them.
                Err(_) => {}
            },
            // The connection broke or the caller hung up: nobody will read this.
            Some(Err(_)) => return Err(Status::cancelled("the request ended before it was complete")),
        }
    }
}

/// How many bytes prefix and message have together, once the prefix is there.
fn wanted(read: &[u8], max: usize) -> Result<Option<usize>, Status> {
    let Some(&[compressed, a, b, c, d]) = read.first_chunk::<PREFIX>() else { return Ok(None) };
    if compressed != 0 {
        return Err(status::malformed_message());
    }
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > max {
        return Err(status::too_large());
    }
    Ok(Some(length + PREFIX))
}
