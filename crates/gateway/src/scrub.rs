//! Keeps card data out of texts that operators and logs see.

use digota_core::payment::card::Source;

/// The longest text that is kept of a gateway's answer, in characters.
const TEXT_MAX: usize = 300;
/// No card number is shorter.
const CARD_DIGITS_MIN: usize = 12;
const HIDDEN: &str = "[hidden]";

/// The text without the source's secrets and without anything that could be a card number, cut to 300 characters.
pub(crate) fn scrub(text: &str, source: Option<&Source>) -> String {
    let mut clean = text.to_owned();
    match source {
        Some(Source::Card(card)) => clean = without_word(&clean, card.reveal_cvc()),
        Some(Source::Token(token)) if !token.is_empty() => clean = clean.replace(token.as_str(), HIDDEN),
        _ => {}
    }
    without_long_numbers(&clean).chars().take(TEXT_MAX).collect()
}

/// A code of three digits may be part of an id by chance; as a word of its own it is hidden.
fn without_word(text: &str, word: &str) -> String {
    if word.is_empty() {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let inside = |c: char| c.is_alphanumeric();
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let (found, after) = rest.split_at(end);
        clean.push_str(if found == word { HIDDEN } else { found });
        let next = after.find(inside).unwrap_or(after.len());
        clean.push_str(&after[..next]);
        rest = &after[next..];
    }
    clean
}

/// Hides digits in a row, however they are grouped by blanks or hyphens, where they could be a card number.
fn without_long_numbers(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, clean: &mut String| {
        let digits = run.chars().filter(char::is_ascii_digit).count();
        clean.push_str(if digits >= CARD_DIGITS_MIN { HIDDEN } else { run });
        run.clear();
    };
    for c in text.chars() {
        let separates = matches!(c, ' ' | '-') && !run.is_empty();
        if c.is_ascii_digit() || separates {
            run.push(c);
        } else {
            flush(&mut run, &mut clean);
            clean.push(c);
        }
    }
    flush(&mut run, &mut clean);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use digota_core::payment::card::{Brand, Card, CardText};

    fn card() -> Source {
        let text = CardText {
            number: "4242424242424242",
            cvc: "987",
            expiry_month: "12",
            expiry_year: "2032",
            first_name: "",
            last_name: "",
        };
        Source::Card(Card::new(Brand::Visa, &text).expect("a good card"))
    }

    #[test]
    fn numbers_codes_and_tokens_are_hidden_and_the_rest_is_left() {
        let check = |text: &str, source: &Source, want: &str| assert_eq!(scrub(text, Some(source)), want);
        check("no 4242424242424242, cvc=987!", &card(), "no [hidden], cvc=[hidden]!");
        check("4242 4242-4242 4242", &card(), "[hidden]");
        check("id a987b costs 1987", &card(), "id a987b costs 1987");
        check("987", &card(), "[hidden]");
        check("used tok_x1 twice", &Source::Token("tok_x1".to_owned().into()), "used [hidden] twice");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(scrub(&"é".repeat(1000), None).chars().count(), TEXT_MAX);
    }
}
