//! What happened, line by line, or only as a number that two runs of one seed must share.

use std::fmt::{Arguments, Write};

use super::Micros;

/// The trace of a world.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: Hash,
    entries: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(loud: bool) -> Trace {
        Trace { hash: Hash(0xcbf2_9ce4_8422_2325), entries: 0, lines: loud.then(Vec::new) }
    }

    pub(super) fn note(&mut self, now: Micros, what: Arguments<'_>) {
        self.entries += 1;
        self.hash.number(now);
        // Writing to a hash can't fail.
        let _ = self.hash.write_fmt(what);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>5}.{:06}  {what}", now / 1_000_000, now % 1_000_000));
        }
    }

    /// A number that tells one trace from another.
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How many lines it has, kept or not.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Its lines, where they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// FNV-1a, by which texts need not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hash(u64);

impl Hash {
    fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.byte(byte);
        }
        Ok(())
    }
}
