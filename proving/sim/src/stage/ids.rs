//! Identities that tell who made them: a process counts its own.

use std::fmt::{Display, Formatter, Result};

use digota_core::port::Store;
use digota_core::time::Timestamp;
use uuid::Uuid;

use super::{Stage, at_once};
use crate::world::ProcessId;

/// An identity in few letters: the number of the process that made it, and which one it was there.
#[derive(Clone, Copy)]
pub struct Short(pub Uuid);

impl Short {
    /// The number by which ids of a process begin. Also the seed of its [`digota_core::testing::clock::CountingIds`].
    pub fn seed(process: ProcessId) -> u16 {
        u16::try_from(process.number() & 0xFFF).unwrap_or_default()
    }

    fn origin(self) -> u16 {
        let bytes = self.0.as_bytes();
        u16::from_be_bytes([bytes[6] & 0x0F, bytes[7]])
    }
}

impl Display for Short {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let count = self.0.as_u64_pair().1 & 0x3FFF_FFFF_FFFF_FFFF;
        write!(f, "{}.{count}", self.origin())
    }
}

impl Stage {
    /// Whether a process has an attempt on its hands whose outcome is not known yet.
    pub(super) fn works_on_something(&self, process: ProcessId) -> bool {
        let open = at_once(self.store.due(Timestamp(i64::MAX), u32::MAX)).unwrap_or_default();
        let mine = |id: Uuid| Short(id).origin() == Short::seed(process);
        open.iter().any(|attempt| owner(&attempt.body).is_some_and(mine))
    }
}

/// Which process looks after an attempt, by its document.
pub fn owner(body: &str) -> Option<Uuid> {
    let (_, rest) = body.split_once("\"owner\":\"")?;
    Uuid::try_parse(rest.get(..36)?).ok()
}
