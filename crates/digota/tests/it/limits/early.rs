//! Calls that are refused before they have arrived, by clients that did nothing worse than to go on sending.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::Server;
use crate::harness::raw::PREFACE;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const PING: u8 = 6;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// As many as a connection may have under way, and so often that their number would end it if each were an error.
const AT_ONCE: u32 = 100;
const ROUNDS: u32 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call, in the plainest form of HPACK.
fn headers(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // POST, https; then names from the static table with values of our own, and one name that is not in it.
    let mut block = vec![0x83, 0x87];
    for (name, value) in [(&[0x04][..], path), (&[0x01], "localhost"), (&[0x0f, 0x10], "application/grpc")] {
        block.extend([name, &text(value)].concat());
    }
    block.extend([&[0x00][..], &text("te"), &text("trailers")].concat());
    block
}

#[tokio::test]
async fn a_client_whose_calls_are_refused_while_their_messages_are_on_the_way_keeps_its_connection() {
    let server = Server::start().await;
    let mut line = server.shaken("reader").await;
    line.write_all(PREFACE).await.unwrap();
    let calls = headers("/productpb.ProductService/New");
    for round in 0..ROUNDS {
        let streams = (0..AT_ONCE).map(|n| 2 * (round * AT_ONCE + n) + 1);
        let begun: Vec<u8> =
            streams.clone().flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &calls)).collect();
        line.write_all(&begun).await.unwrap();
        let mut refused = 0;
        while refused < AT_ONCE {
            let (kind, flags, stream) = next(&mut line).await;
            assert_ne!(kind, RESET, "stream {stream} was hung up on");
            refused += u32::from(kind == HEADERS && flags & END_STREAM != 0);
        }
        // What was on its way arrives.
        let rest: Vec<u8> = streams.flat_map(|stream| frame(DATA, END_STREAM, stream, &[0; 5])).collect();
        line.write_all(&rest).await.unwrap();
        line.write_all(&frame(PING, 0, 0, &[7; 8])).await.unwrap();
        while next(&mut line).await.0 != PING {}
    }
}

/// The kind, the flags and the stream of the next frame; the server must not end the connection.
async fn next(line: &mut (impl AsyncReadExt + Unpin)) -> (u8, u8, u32) {
    let mut head = [0; 9];
    line.read_exact(&mut head).await.expect("the connection goes on");
    let [a, b, c, kind, flags, stream @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    line.read_exact(&mut payload).await.unwrap();
    assert_ne!(kind, 7, "told to go away: {}", String::from_utf8_lossy(&payload));
    (kind, flags, u32::from_be_bytes(stream))
}
