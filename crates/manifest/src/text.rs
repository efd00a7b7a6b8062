//! Splices of a text, and their inverse.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Replaces a range of bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextEdit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes in their place.
    pub text: String,
}

/// Applies edits that are sorted and do not overlap. Edits that do not fit the text are clamped
/// to it.
pub fn apply_edits(text: &str, edits: &[TextEdit]) -> String {
    let grown: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + grown);
    let mut at = 0;
    for edit in edits {
        let start = edit.range.start.clamp(at, text.len());
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.range.end.clamp(start, text.len());
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The edits that turn the edited text back into `text`, byte for byte.
pub fn invert_edits(text: &str, edits: &[TextEdit]) -> Vec<TextEdit> {
    let mut shift = 0isize;
    let invert = |edit: &TextEdit| {
        let start = edit.range.start.saturating_add_signed(shift);
        shift += edit.text.len().cast_signed() - edit.range.len().cast_signed();
        let text = text.get(edit.range.clone()).unwrap_or_default().to_owned();
        TextEdit { range: start..start + edit.text.len(), text }
    };
    edits.iter().map(invert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_restores_the_text() {
        let edit = |range, text: &str| TextEdit { range, text: text.to_owned() };
        let edits = [edit(0..0, "x"), edit(1..3, ""), edit(4..5, "long"), edit(6..6, "!")];
        let edited = apply_edits("abcdef", &edits);
        assert_eq!(edited, "xadlongf!");
        assert_eq!(apply_edits(&edited, &invert_edits("abcdef", &edits)), "abcdef");
    }
}
