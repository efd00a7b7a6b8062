use super::excerpt::line_at;
use crate::diagnostics::Options;
use crate::escape;
use anstyle::{AnsiColor, Style};
use manifest::{TextEdit, apply_edits};
use record::Region;
use similar::{ChangeTag, TextDiff};
use std::io::{self, Write};

/// Changed lines that are shown; a fix is small, and `--diff` shows all of it.
const LINES: usize = 12;
/// Bytes of the file between the first and the last edit beyond which nothing is shown.
const REACH: usize = 16 << 10;

/// Writes the lines that a fix takes away and adds. `at` says where the finding is, so that line
/// numbers need no look at the whole file; `last_line` is the last one of the excerpt above.
pub(super) fn write(
    out: &mut impl Write,
    text: &str,
    at: Region,
    edits: &[TextEdit],
    (last_line, options): (usize, &Options),
) -> io::Result<()> {
    let Some((old, new, first_line)) = window(text, at, edits) else { return Ok(()) };
    let diff = TextDiff::from_lines(old, &new);
    let changes: Vec<_> =
        diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).collect();
    let shown = first_line + old.lines().count().max(new.lines().count()).saturating_sub(1);
    let digits = shown.max(last_line).to_string().len();
    writeln!(out, "{:digits$} {}", "", paint(options, GUTTER, "|"))?;
    for change in changes.iter().take(LINES) {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ("-", REMOVED),
            ChangeTag::Equal | ChangeTag::Insert => ("+", ADDED),
        };
        // What goes has a number in the old file only, what comes in the new one only.
        let index = change.old_index().or(change.new_index()).unwrap_or(0);
        let number = paint(options, GUTTER, &format!("{:>digits$}", first_line + index));
        let body = cut(change.value().trim_end_matches(['\n', '\r']), options.width);
        writeln!(out, "{number} {}", paint(options, style, format!("{sign} {body}").trim_end()))?;
    }
    if changes.len() > LINES {
        writeln!(out, "{:digits$} … {} more lines change", "", changes.len() - LINES)?;
    }
    Ok(())
}

/// The lines that the edits touch, before and after, and the number of the first one. Nothing
/// when they reach too far or do not fit the text.
fn window<'a>(text: &'a str, at: Region, edits: &[TextEdit]) -> Option<(&'a str, String, usize)> {
    let (first, last) = (edits.first()?, edits.last()?);
    let fits = last.range.end <= text.len()
        && edits.iter().all(|edit| {
            text.is_char_boundary(edit.range.start) && text.is_char_boundary(edit.range.end)
        });
    if !fits || last.range.end.saturating_sub(first.range.start) > REACH {
        return None;
    }
    let start = line_at(text, first.range.start).start;
    let end = (line_at(text, last.range.end).end + 1).min(text.len());
    if end - start > 2 * REACH {
        return None;
    }
    let moved: Vec<TextEdit> = edits
        .iter()
        .map(|edit| TextEdit {
            range: edit.range.start - start..edit.range.end - start,
            text: edit.text.clone(),
        })
        .collect();
    let old = text.get(start..end)?;
    Some((old, apply_edits(old, &moved), line_number(text, at, start)))
}

fn line_number(text: &str, at: Region, offset: usize) -> usize {
    let known = text.floor_char_boundary(at.start);
    let lines = |from: usize, to: usize| text[from..to].matches('\n').count();
    if offset >= known {
        at.line + lines(known, offset)
    } else {
        at.line.saturating_sub(lines(offset, known)).max(1)
    }
}

fn cut(line: &str, width: usize) -> String {
    let line = escape(line);
    let width = width.saturating_sub(12).max(20);
    match line.char_indices().nth(width) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.into_owned(),
    }
}

const GUTTER: Style = AnsiColor::BrightBlue.on_default().bold();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

fn paint(options: &Options, style: Style, text: &str) -> String {
    if options.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
