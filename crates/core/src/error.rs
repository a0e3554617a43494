//! What can go wrong, by what the caller can do about it.
/// p
#[derive(Debug)] pub enum Error {}
/// p
pub type Result<T> = std::result::Result<T, Error>;
