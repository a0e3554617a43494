//! A record that a store keeps in memory.

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::Record;

/// A record that is read again and again, with the document that it was read as: what is a tenth of the work of an order is done
/// once.
#[derive(Debug)]
pub struct Remembered {
    record: Record,
    document: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Remembered {
    /// Each of these, where it is there.
    pub fn each(records: Vec<Option<Record>>) -> Vec<Option<Arc<Remembered>>> {
        records.into_iter().map(|record| record.map(|record| Arc::new(record.into()))).collect()
    }

    /// The document of this record: what `read` makes of it, at the first time.
    ///
    /// # Errors
    /// What `read` says.
    pub fn document<T, E>(&self, read: impl FnOnce(&Record) -> Result<T, E>) -> Result<Arc<T>, E>
    where
        T: Any + Send + Sync,
    {
        if let Some(Ok(document)) = self.document.get().map(|document| Arc::clone(document).downcast()) {
            return Ok(document);
        }
        let document = Arc::new(read(&self.record)?);
        let _ = self.document.set(document.clone());
        Ok(document)
    }
}

impl From<Record> for Remembered {
    fn from(record: Record) -> Self {
        Self { record, document: OnceLock::new() }
    }
}

impl Deref for Remembered {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::port::store::Keys;
    use crate::time::Timestamp;

    #[test]
    fn a_record_is_read_once() {
        let (id, at) = (Uuid::from_u128(1), Timestamp(1));
        let keys = Keys::Product { active: true };
        let record = Record { id, version: 1, created: at, updated: at, keys, body: "7".into() };
        let remembered = Remembered::from(record);
        let failed: Result<Arc<u32>, _> = remembered.document(|_| Err("not now"));
        assert_eq!(failed, Err("not now"));
        let read = |record: &Record| record.body.parse::<u32>();
        assert_eq!(remembered.document(read).as_deref(), Ok(&7));
        let again: Result<_, ()> =
            remembered.document(|_| -> Result<u32, ()> { unreachable!("it was read") });
        assert_eq!(again.as_deref(), Ok(&7));
        assert_eq!(
            remembered.document(|record| Ok::<_, ()>(record.body.clone())).as_deref(),
            Ok(&"7".to_owned())
        );
    }
}
