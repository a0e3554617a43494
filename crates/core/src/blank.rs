//! What a document leaves out: fields that say nothing take space in every copy, and there are many copies.

/// Whether a field has the value that it has when it is left out.
pub(crate) fn is_blank<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
