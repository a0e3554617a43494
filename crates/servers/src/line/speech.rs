//! What passes by on a connection to PostgreSQL, message by message.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};

/// The code of the first message that asks for TLS.
const TLS: u32 = 80_877_103;

/// Whether a client's first bytes ask for TLS.
pub(super) fn asks_for_tls(start: &[u8; 8]) -> bool {
    start[4..] == TLS.to_be_bytes()
}

/// How long a message's head is: its kind, and its length without the kind.
const HEAD: usize = 5;

/// What a client says.
#[derive(Debug, Default)]
pub(super) struct Asking {
    has_begun: bool,
    /// Texts of prepared statements, by name.
    statements: BTreeMap<Bytes, String>,
}

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) bytes: Bytes,
    pub(super) what: What,
}

/// What a message of a client means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A statement is about to run.
    Run(String),
    /// The server is to answer up to here.
    Sync,
    /// Anything else.
    Other,
}

impl Asking {
    /// Takes the next whole message from what was received.
    pub(super) fn next(&mut self, received: &mut BytesMut) -> Option<Asked> {
        if !self.has_begun {
            let bytes = take(received, 0)?;
            self.has_begun = true;
            return Some(Asked { bytes, what: What::Sync });
        }
        let bytes = take(received, 1)?;
        let what = self.read(bytes.clone());
        Some(Asked { bytes, what })
    }

    fn read(&mut self, mut bytes: Bytes) -> What {
        let kind = bytes.get_u8();
        bytes.advance(HEAD - 1);
        match kind {
            b'P' => {
                let (name, sql) = (word(&mut bytes), word(&mut bytes));
                self.statements.insert(name, text(&sql));
                What::Other
            }
            b'B' => {
                let (_portal, name) = (word(&mut bytes), word(&mut bytes));
                self.statements.get(&name).cloned().map_or(What::Other, What::Run)
            }
            // A script: it runs, and is answered as a whole.
            b'Q' => What::Run(text(&word(&mut bytes))),
            b'S' => What::Sync,
            _ => What::Other,
        }
    }
}

impl Asked {
    /// Whether the server says that it is ready again once it has done this and what came before.
    pub(super) fn is_answered(&self) -> bool {
        self.what == What::Sync || self.bytes.first() == Some(&b'Q')
    }
}

/// Takes the server's next whole message; whether it says that it is ready again.
pub(super) fn answer(received: &mut BytesMut) -> Option<(Bytes, bool)> {
    let bytes = take(received, 1)?;
    let is_ready = bytes.first() == Some(&b'Z');
    Some((bytes, is_ready))
}

/// A message whose length stands at this place, if all of it is there.
fn take(received: &mut BytesMut, at: usize) -> Option<Bytes> {
    let length = received.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    let length = at + usize::try_from(length).unwrap_or(usize::MAX - HEAD);
    (received.len() >= length).then(|| received.split_to(length).freeze())
}

/// Text up to a zero byte, which is taken too.
fn word(bytes: &mut Bytes) -> Bytes {
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let word = bytes.split_to(length);
    bytes.advance(usize::from(!bytes.is_empty()));
    word
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn asking() -> Asking {
        Asking { has_begun: true, ..Asking::default() }
    }

    fn heard(asking: &mut Asking, bytes: &[u8]) -> Vec<What> {
        let mut received = BytesMut::from(bytes);
        std::iter::from_fn(|| asking.next(&mut received)).map(|asked| asked.what).collect()
    }

    #[test]
    fn a_prepared_commit_counts_when_it_runs() {
        let mut asking = asking();
        let prepared = [message(b'P', b"s1\0COMMIT\0\0\0"), message(b'S', b"")].concat();
        assert_eq!(heard(&mut asking, &prepared), [What::Other, What::Sync]);
        let run = [message(b'B', b"\0s1\0rest"), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
        assert_eq!(heard(&mut asking, &run), [What::Run("COMMIT".into()), What::Other, What::Sync]);
        assert_eq!(heard(&mut asking, &message(b'B', b"\0another\0")), [What::Other]);
    }

    #[test]
    fn a_script_runs_at_once() {
        assert_eq!(heard(&mut asking(), &message(b'Q', b" COMMIT\0")), [What::Run("COMMIT".into())]);
    }

    #[test]
    fn a_message_waits_for_its_end() {
        let whole = message(b'Q', b"COMMIT\0");
        let mut received = BytesMut::from(&whole[..whole.len() - 1]);
        let mut asking = asking();
        assert_eq!(asking.next(&mut received), None);
        received.extend_from_slice(b"\0");
        assert!(asking.next(&mut received).is_some_and(|asked| asked.is_answered()));
    }

    #[test]
    fn a_greeting_has_no_kind_and_is_answered() {
        let hello = [&9u32.to_be_bytes()[..], &196_608u32.to_be_bytes(), b"\0"].concat();
        assert_eq!(heard(&mut Asking::default(), &hello), [What::Sync]);
    }

    #[test]
    fn a_servers_answer_ends_when_it_is_ready() {
        let mut received = BytesMut::from(&[message(b'C', b"COMMIT\0"), message(b'Z', b"I")].concat()[..]);
        let ready: Vec<bool> = std::iter::from_fn(|| answer(&mut received)).map(|(_, ready)| ready).collect();
        assert_eq!(ready, [false, true]);
    }
}
