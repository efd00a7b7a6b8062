//! Manifests are hostile input: what they say must not move a terminal's cursor, hide text or
//! reorder it.

use record::json::deceives;
use std::borrow::Cow;

/// The text with every character that could deceive a reader of a terminal written as an escape:
/// C0 and C1 controls and DEL, marks that reorder text, line separators, and characters that show
/// nothing. The result has no line end.
pub fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    if text.bytes().all(is_plain) || !text.chars().any(deceives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_escaped(&mut out, c));
    Cow::Owned(out)
}

/// Appends one character, escaped where [`escape`] says so.
pub(crate) fn push_escaped(out: &mut String, c: char) {
    if deceives(c) {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape("naïve 日本 🚀"), std::borrow::Cow::Borrowed(_)));
    }

    #[test]
    fn controls_of_every_kind_become_visible() {
        assert_eq!(escape("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(escape("a\r\n\tb\0"), "a\\r\\n\\tb\\u{0}");
        assert_eq!(escape("\u{7f}\u{9b}31m"), "\\u{7f}\\u{9b}31m");
    }

    #[test]
    fn marks_that_reorder_or_hide_text_become_visible() {
        assert_eq!(escape("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
        assert_eq!(escape("\u{200b}\u{feff}\u{e0041}"), "\\u{200b}\\u{feff}\\u{e0041}");
    }
}
