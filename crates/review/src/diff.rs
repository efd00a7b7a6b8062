//! Unified diffs of files.

use crate::escape::push_escaped;
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff, udiff::UnifiedDiffHunk};
use std::io::{self, Write};

const CONTEXT: usize = 3;

/// How to show a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Write ANSI colours.
    pub color: bool,
    /// Write control characters of the file as escapes. For terminals: the diff may then no
    /// longer apply. Tabs and line ends stay.
    pub escape: bool,
}

/// Writes what `patch` or `git apply` needs to turn `before` into `after`; nothing when they are
/// equal. Line ends are kept as they are, a missing last one is marked.
///
/// # Errors
/// When the writer fails.
pub fn write(
    out: &mut impl Write,
    path: &str,
    before: &str,
    after: &str,
    options: Options,
) -> io::Result<()> {
    if before == after {
        return Ok(());
    }
    let header = |prefix: &str| quoted(&format!("{prefix}{path}"));
    line(out, options, BOLD, &format!("--- {}", header("a/")))?;
    line(out, options, BOLD, &format!("+++ {}", header("b/")))?;
    let diff = TextDiff::from_lines(before, after);
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        write_hunk(out, &hunk, options)?;
    }
    Ok(())
}

fn write_hunk(
    out: &mut impl Write,
    hunk: &UnifiedDiffHunk<'_, '_, '_, str>,
    options: Options,
) -> io::Result<()> {
    line(out, options, HUNK, &hunk.header().to_string())?;
    for change in hunk.iter_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ('-', REMOVED),
            ChangeTag::Insert => ('+', ADDED),
            ChangeTag::Equal => (' ', PLAIN),
        };
        let value = change.value();
        let body = value.trim_end_matches(['\n', '\r']);
        let end = &value[body.len()..];
        let shown = if options.escape { visible(body) } else { body.to_owned() };
        write!(out, "{}{end}", paint(options, style, &format!("{sign}{shown}")))?;
        if change.missing_newline() {
            writeln!(out, "\n\\ No newline at end of file")?;
        }
    }
    Ok(())
}

/// A path as git writes it: quoted when it holds what would end or change a header line.
fn quoted(path: &str) -> String {
    if path.chars().all(|c| !c.is_control() && c != '"' && c != '\\') {
        return path.to_owned();
    }
    let mut out = String::from('"');
    for c in path.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out += &format!("\\{byte:03o}");
                }
            }
            c => out.push(c),
        }
    }
    out + "\""
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' { out.push(c) } else { push_escaped(&mut out, c) }
    }
    out
}

const BOLD: Style = Style::new().bold();
const HUNK: Style = AnsiColor::Cyan.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();
const PLAIN: Style = Style::new();

fn line(out: &mut impl Write, options: Options, style: Style, text: &str) -> io::Result<()> {
    writeln!(out, "{}", paint(options, style, text))
}

fn paint(options: Options, style: Style, text: &str) -> String {
    if options.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(before: &str, after: &str, options: Options) -> String {
        let mut out = Vec::new();
        write(&mut out, "app/web.yaml", before, after, options).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hunks_have_three_lines_of_context() {
        let before: String = (1..=20).map(|n| format!("line{n}: x\n")).collect();
        let after = before.replace("line4: x\n", "").replace("line15: x", "line15: y\nmore: z");
        insta::assert_snapshot!(render(&before, &after, Options::default()));
    }

    #[test]
    fn a_missing_last_line_end_is_marked() {
        insta::assert_snapshot!(render("a: 1\nb: 2", "a: 1\nb: 3\n", Options::default()));
    }

    #[test]
    fn windows_line_ends_are_kept() {
        let text = render("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 3\r\n", Options::default());
        assert!(text.ends_with(" a: 1\r\n-b: 2\r\n+b: 3\r\n"), "{text:?}");
    }

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(render("a\n", "a\n", Options::default()), "");
    }

    #[test]
    fn terminals_get_escapes_and_colours() {
        let shown = render("a: \u{1b}[2J\tx\n", "a: 2\n", Options { color: false, escape: true });
        assert!(shown.contains("-a: \\u{1b}[2J\tx\n"), "{shown}");
        let shown = render("a: 1\n", "a: 2\n", Options { color: true, escape: true });
        assert!(shown.contains("\u{1b}[31m-a: 1\u{1b}[0m\n"), "{shown:?}");
    }

    #[test]
    fn a_path_cannot_forge_a_header() {
        let mut out = Vec::new();
        write(&mut out, "a\n+++ b/x", "1", "2", Options::default()).unwrap();
        assert!(out.starts_with(b"--- \"a/a\\012+++ b/x\"\n"));
    }
}
