//! The forms in which a secret may appear in a text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;

/// Bytes of a form that is cut at both ends.
const MIN_CORE: usize = 10;
/// Bytes of a line of a secret that is looked for by itself.
const MIN_LINE: usize = 20;
/// What URLs leave as it is.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Whether a text says so much that it is looked for everywhere. A word such as `postgres` or a
/// number such as `8080` may be the value of a Secret, and stands everywhere without disclosing it.
pub(crate) fn is_telling(text: &str) -> bool {
    let text = text.trim();
    let is_word = text.bytes().skip(1).all(|b| b.is_ascii_lowercase())
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        || text.bytes().all(|b| b.is_ascii_uppercase());
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match text.len() {
        0..4 => false,
        4..8 if is_number => false,
        4..12 => !is_word,
        _ => true,
    }
}

/// Every form of a secret to look for: as it is, its lines, in base64 wherever it begins, what it
/// is the base64 of, and each as JSON, JSON in JSON and URLs write it. Empty unless it is telling.
pub(crate) fn of(secret: &str) -> BTreeSet<String> {
    let mut plain: BTreeSet<String> = BTreeSet::from([secret.to_owned(), secret.trim().to_owned()]);
    plain.extend(decoded(secret));
    let lines = |text: &String| -> Vec<String> {
        text.lines().map(str::trim).filter(|l| l.len() >= MIN_LINE).map(str::to_owned).collect()
    };
    let lines: Vec<String> = plain.iter().flat_map(lines).collect();
    plain.extend(lines);
    plain.retain(|text| is_telling(text));
    let mut forms = BTreeSet::new();
    for text in &plain {
        forms.extend(cores(text));
        forms.insert(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
        forms.insert(utf8_percent_encode(text, URL).to_string());
        let once = json(text);
        forms.insert(json(&once));
        forms.insert(once);
    }
    forms.extend(plain);
    forms
}

/// The text that a secret is the base64 of.
pub(crate) fn decoded(secret: &str) -> Option<String> {
    let text: String = secret.split_ascii_whitespace().collect();
    let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// What is the same in the base64 of every text that holds this one, by where it begins.
fn cores(text: &str) -> Vec<String> {
    let mut cores = vec![STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text)];
    cores.retain(|core| core.len() >= MIN_CORE);
    for (shift, cut) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&vec![0; shift][..], text.as_bytes()].concat();
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let end = bytes.len() * 8 / 6;
            let core = encoded.get(cut..end).filter(|core| core.len() >= MIN_CORE);
            cores.extend(core.map(str::to_owned));
        }
    }
    cores
}

/// A text as JSON writes it between its quotes.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_telling, of};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn words_and_numbers_tell_nothing() {
        for text in ["", "true", "postgres", "8080", "1.29.3", "PRODUCTION", "Admin"] {
            assert!(!is_telling(text), "{text}");
        }
        for text in ["hunter2", "s3cr3t", "p@ss", "correcthorsebattery", "1234567890", "a b c d"] {
            assert!(is_telling(text), "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_begins() {
        let forms = of("hunter2-and-more");
        for before in ["", "u", "us", "user:"] {
            let encoded = STANDARD.encode(format!("{before}hunter2-and-more@x"));
            assert!(forms.iter().any(|form| encoded.contains(form)), "{before}");
        }
    }

    #[test]
    fn every_spelling_is_found() {
        let forms = of("a\"b/c\nd1");
        for text in ["a\\\"b/c\\nd1", "a%22b%2Fc%0Ad1", "a\\\\\\\"b/c\\\\nd1"] {
            assert!(forms.contains(text), "{text}");
        }
        assert!(of(&STANDARD.encode("hunter2x")).contains("hunter2x"));
    }
}
