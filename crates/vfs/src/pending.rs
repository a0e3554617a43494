//! What SQLite wrote and the system has not been given yet.

/// The most bytes that wait: SQLite's own VFS takes no more at once.
const MOST: usize = 0x1_ffff;

/// A stretch of a file that is still to be written.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    at: i64,
    bytes: Vec<u8>,
}

impl Pending {
    /// Takes a write on if it begins where the last one ended and there is room. Otherwise what waits is to be written first.
    pub(crate) fn join(&mut self, at: i64, bytes: &[u8]) -> bool {
        if self.bytes.is_empty() {
            self.at = at;
        } else if self.end() != Some(at) || self.bytes.len() + bytes.len() > MOST {
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Where to write, and what.
    pub(crate) fn stretch(&self) -> Option<(i64, &[u8])> {
        (!self.bytes.is_empty()).then_some((self.at, &self.bytes[..]))
    }

    /// It was written, or is given up.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    fn end(&self) -> Option<i64> {
        self.at.checked_add(i64::try_from(self.bytes.len()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_follow_each_other_become_one() {
        let mut pending = Pending::default();
        assert!(pending.join(32, b"ab") && pending.join(34, b"c") && pending.join(35, b"de"));
        assert_eq!(pending.stretch(), Some((32, &b"abcde"[..])));
    }

    #[test]
    fn a_write_elsewhere_waits_for_what_is_pending() {
        let mut pending = Pending::default();
        assert!(pending.join(32, b"ab"));
        for elsewhere in [0, 31, 32, 33, 35] {
            assert!(!pending.join(elsewhere, b"c"), "{elsewhere}");
        }
        pending.clear();
        assert_eq!(pending.stretch(), None);
        assert!(pending.join(0, b"c"));
        assert_eq!(pending.stretch(), Some((0, &b"c"[..])));
    }

    #[test]
    fn what_waits_has_an_end() {
        let mut pending = Pending::default();
        let page = vec![7; 4096];
        let joined = (0..).take_while(|n| pending.join(n * 4096, &page)).count();
        assert_eq!(joined, MOST / page.len());
    }
}
