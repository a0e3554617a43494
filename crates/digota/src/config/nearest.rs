//! "Did you mean": the known word that is closest to what was written.

/// The candidate with the fewest edits from `word`, the first of equals; `None` only without candidates.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates.into_iter().min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_traced_to_the_word_that_was_meant() {
        let known = ["tls.key", "tls.crt", "tls.cacrt"];
        assert_eq!(nearest("tls.cert", known), Some("tls.crt"));
        assert_eq!(nearest("tls.kye", known), Some("tls.key"));
        assert_eq!(nearest("tls.cacert", known), Some("tls.cacrt"));
        assert_eq!(nearest("x", []), None);
    }
}
