use crate::escape::push_escaped;
use record::Region;
use std::ops::Range;

const LINES_BEFORE: usize = 2;
const LINES_AFTER: usize = 2;
/// Bytes of a line on each side of the finding; a minified file is one line of megabytes.
const SIDE: usize = 400;

/// A few lines of a file, escaped for a terminal.
pub(super) struct Excerpt {
    pub(super) source: String,
    /// One-based number of the first line.
    pub(super) first_line: usize,
    /// The finding in `source`, never beyond the end of its first line.
    pub(super) span: Range<usize>,
}

/// The lines around the start of a region; nothing when there is no text.
pub(super) fn excerpt(text: &str, at: Region) -> Option<Excerpt> {
    if text.is_empty() {
        return None;
    }
    let start = text.floor_char_boundary(at.start);
    let line = line_at(text, start);
    let end = text.floor_char_boundary(at.end).clamp(start, line.end.max(start));
    let mut source = String::new();
    let before = lines_before(text, line.start);
    for context in before.iter().rev() {
        push_cut(&mut source, &text[context.clone()]);
        source.push('\n');
    }
    let span = push_line(&mut source, text, line.clone(), start..end);
    for context in lines_after(text, line.end) {
        source.push('\n');
        push_cut(&mut source, &text[context]);
    }
    let first_line = at.line.saturating_sub(before.len()).max(1);
    Some(Excerpt { source, first_line, span })
}

/// The line that holds a byte, without its line end.
pub(super) fn line_at(text: &str, offset: usize) -> Range<usize> {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    start..end
}

/// Nearest first.
fn lines_before(text: &str, mut start: usize) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    while lines.len() < LINES_BEFORE && start > 0 {
        let line = line_at(text, start - 1);
        start = line.start;
        lines.push(line);
    }
    lines
}

fn lines_after(text: &str, mut end: usize) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    // A line end at the very end of the file starts no line.
    while lines.len() < LINES_AFTER && end + 1 < text.len() {
        let line = line_at(text, end + 1);
        end = line.end;
        lines.push(line);
    }
    lines
}

/// Appends the line of the finding, cut on both sides; returns where the finding is now.
fn push_line(
    source: &mut String,
    text: &str,
    line: Range<usize>,
    finding: Range<usize>,
) -> Range<usize> {
    let from = text.floor_char_boundary(finding.start.saturating_sub(SIDE)).max(line.start);
    let to = text.floor_char_boundary(finding.start.saturating_add(SIDE)).min(line.end).max(from);
    if from > line.start {
        source.push('…');
    }
    push_visible(source, &text[from..finding.start]);
    let start = source.len();
    let end = finding.end.clamp(finding.start, to.max(finding.start));
    push_visible(source, &text[finding.start..end]);
    let span = start..source.len();
    push_visible(source, &text[end..to.max(end)]);
    if to < line.end {
        source.push('…');
    }
    span
}

fn push_cut(source: &mut String, line: &str) {
    let cut = line.floor_char_boundary(SIDE);
    push_visible(source, &line[..cut]);
    if cut < line.len() {
        source.push('…');
    }
}

/// Tabs stay, because the excerpt aligns by them; the CR of a line end and a BOM go.
fn push_visible(source: &mut String, text: &str) {
    let text = text.strip_suffix('\r').unwrap_or(text);
    for c in text.strip_prefix('\u{feff}').unwrap_or(text).chars() {
        if c == '\t' { source.push(c) } else { push_escaped(source, c) }
    }
}
