//! HTTP/2 frames by hand: what no library would send.

use std::collections::BTreeMap;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What HTTP/2 begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The setting of the window that new streams get.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// The code of a stream or connection that ends because the other side no longer wants it.
pub(crate) const CANCEL: u32 = 8;

/// A frame as it goes over the line.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Settings.
pub(crate) fn settings(all: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        all.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, &payload)
}

/// The end of a stream.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// The headers of a call, compressed as little as HPACK allows, with further ones.
pub(crate) fn call(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    // POST, https, and by their place in the static table: path and authority.
    let mut block = vec![0x83, 0x87, 0x04];
    text(&mut block, path);
    block.push(0x01);
    text(&mut block, "localhost");
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(more) {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    // An integer with a prefix of seven bits, and no Huffman.
    let mut length = text.len();
    if length < 127 {
        block.push(low(length));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(low(length) | 128);
            length /= 128;
        }
        block.push(low(length));
    }
    block.extend_from_slice(text.as_bytes());
}

fn low(number: usize) -> u8 {
    u8::try_from(number % 128).unwrap_or_default()
}

/// A message with its prefix.
pub(crate) fn message(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], length.as_slice(), bytes].concat()
}

/// What a server said until it closed: how many frames of each kind, and with which codes it ended streams and connections.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) frames: BTreeMap<u8, usize>,
    pub(crate) resets: BTreeMap<u32, usize>,
    pub(crate) goaways: BTreeMap<u32, usize>,
}

impl Heard {
    /// How many calls were answered.
    pub(crate) fn answers(&self) -> usize {
        self.frames.get(&HEADERS).copied().unwrap_or_default()
    }

    /// Reads one frame; false at the end.
    pub(crate) async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<bool> {
        let mut head = [0; 9];
        if from.read_exact(&mut head).await.is_err() {
            return Ok(false);
        }
        let [a, b, c, kind, ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c]))?];
        if from.read_exact(&mut payload).await.is_err() {
            return Ok(false);
        }
        *self.frames.entry(kind).or_default() += 1;
        match (kind, payload.as_slice()) {
            (RST_STREAM, &[a, b, c, d]) => {
                *self.resets.entry(u32::from_be_bytes([a, b, c, d])).or_default() += 1;
            }
            (GOAWAY, &[_, _, _, _, a, b, c, d, ..]) => {
                *self.goaways.entry(u32::from_be_bytes([a, b, c, d])).or_default() += 1;
            }
            _ => {}
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_lengths_are_as_the_rfc_writes_them() {
        assert_eq!(frame(PING, 0, 0, &[1; 8]), [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(settings(&[(4, 0)]), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        let mut block = Vec::new();
        // RFC 7541 C.1.2 has 1337 with a prefix of five bits; with seven it is 127 + 58 + 9 * 128.
        text(&mut block, &"x".repeat(1337));
        assert_eq!(block[..3], [127, 186, 9]);
        assert_eq!(block.len(), 1340);
    }
}
