mod excerpt;
mod preview;

use super::{Cure, Finding, InputError, Options, Report, summary_line};
use crate::escape;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use record::{Applicability, Severity};
use std::borrow::Cow;
use std::io::{self, Write};

pub(super) fn write(
    out: &mut impl Write,
    report: &Report<'_>,
    options: &Options,
) -> io::Result<()> {
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(options.width);
    for finding in report.findings {
        write_finding(out, finding, &renderer, options)?;
    }
    for error in report.errors {
        writeln!(out, "{}\n", renderer.render(&[error_group(error)]))?;
    }
    if options.summary {
        writeln!(out, "{}", summary_line(report, options))?;
    }
    Ok(())
}

fn write_finding(
    out: &mut impl Write,
    finding: &Finding<'_>,
    renderer: &Renderer,
    options: &Options,
) -> io::Result<()> {
    let detection = finding.detection;
    let excerpt = detection.span.and_then(|at| excerpt::excerpt(finding.text, at));
    let mut group = level(finding.severity())
        .with_name(finding.severity().as_str())
        .primary_title(escape(&detection.violation_text))
        .id(escape(finding.rule()))
        .element(origin(
            &detection.manifest_path,
            detection.span.map(|at| at.line),
            detection.span.map(|at| at.column),
        ));
    if let Some(excerpt) = &excerpt {
        group = group.element(
            Snippet::source(excerpt.source.as_str())
                .line_start(excerpt.first_line)
                .fold(false)
                .annotation(AnnotationKind::Primary.span(excerpt.span.clone())),
        );
    }
    if let Some(object) = finding.object() {
        group = group.element(Level::NOTE.message(escape(&object).into_owned()));
    }
    if let Some(note) = note(finding) {
        group = group.element(Level::NOTE.message(note));
    }
    group = group.element(Level::HELP.message(help(finding)));
    writeln!(out, "{}", without_bare_path(&renderer.render(&[group])))?;
    if let (Some(edits), Some(at), Some(excerpt)) = (finding.fix, detection.span, &excerpt) {
        let last_line = excerpt.first_line + excerpt.source.matches('\n').count();
        preview::write(out, finding.text, at, edits, (last_line, options))?;
    }
    writeln!(out)
}

/// An excerpt without a path of its own is headed by `:::` and nothing; that line goes.
fn without_bare_path(rendered: &str) -> String {
    let mut lines: Vec<&str> = rendered.lines().collect();
    let heads = lines.iter().take(4).position(|line| plain(line).trim() == ":::");
    if let Some(at) = heads {
        lines.remove(at);
    }
    lines.join("\n")
}

/// The text without the styles that the renderer wrote.
fn plain(styled: &str) -> String {
    let mut parts = styled.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn error_group(error: &InputError) -> Group<'_> {
    let mut group = Level::ERROR.primary_title(escape(&error.message)).element(origin(
        &error.path,
        error.line,
        error.column,
    ));
    if let Some(help) = &error.help {
        group = group.element(Level::HELP.message(escape(help)));
    }
    group
}

/// The place stands apart from the excerpt, whose columns shift with what is escaped or cut.
fn origin(path: &str, line: Option<usize>, column: Option<usize>) -> Origin<'_> {
    let mut origin = Origin::path(escape(path));
    if let Some(line) = line {
        origin = origin.line(line);
    }
    if let Some(column) = column {
        origin = origin.char_column(column);
    }
    origin
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::INFO,
    }
}

fn note(finding: &Finding<'_>) -> Option<String> {
    let remedy = finding.detection.remedy.as_deref().filter(|text| !text.is_empty())?;
    let says = match finding.detection.applicability? {
        Applicability::Unsafe if finding.fix.is_some() => "the fix may break this workload",
        Applicability::Advice => "a fix needs to know",
        Applicability::Safe | Applicability::Unsafe => return None,
    };
    Some(format!("{says}: {}", escape(remedy)))
}

fn help(finding: &Finding<'_>) -> Cow<'static, str> {
    match finding.cure() {
        Cure::Safe => "fixable with `--fix`".into(),
        Cure::Unsafe => "fixable with `--fix --unsafe-fixes`".into(),
        Cure::Decision => match &finding.detection.rule {
            Some(rule) => {
                let rule = escape(rule);
                format!("no automatic fix here; `k8s-auto-fix explain {rule}` says what to do")
                    .into()
            }
            None => "no automatic fix here".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostics::samples::{self, render, render_one};
    use crate::diagnostics::{Format, Options};

    #[test]
    fn findings_are_shown_in_their_source() {
        insta::assert_snapshot!(render(Format::Full, &Options::default()));
    }

    #[test]
    fn a_long_line_is_cut_around_the_finding() {
        let padding = "x".repeat(5000);
        let text = format!("{{\"a\":\"{padding}\",\"hostNetwork\":true,\"b\":\"{padding}\"}}\n");
        let shown = render_one(&text, "\"hostNetwork\":true");
        assert!(shown.lines().all(|line| line.chars().count() <= 170), "{shown}");
        assert!(shown.contains("\"hostNetwork\":true"), "{shown}");
        assert!(shown.contains("file.yaml:1:5009"), "{shown}");
    }

    #[test]
    fn control_characters_of_the_source_are_shown_as_escapes() {
        let text = "a: \u{1b}[2J\u{202e}x\r\nhost: true\u{7}\r\n\tb: 1\r\n";
        insta::assert_snapshot!(render_one(text, "host: true\u{7}"));
    }

    #[test]
    fn a_span_that_does_not_fit_the_text_is_no_panic() {
        let mut detection = samples::detections().remove(0);
        for (start, end) in [(0, 0), (9, 1), (usize::MAX, usize::MAX), (1, 2)] {
            if let Some(span) = &mut detection.span {
                (span.start, span.end) = (start, end);
            }
            let shown = samples::render_detection(&detection, "é: 1\n", None);
            assert!(shown.contains("host-network"), "{shown}");
        }
    }

    #[test]
    fn colours_come_only_from_us() {
        let options = Options { color: true, ..Options::default() };
        assert!(render(Format::Full, &options).contains("\u{1b}["));
        assert!(!render(Format::Full, &Options::default()).contains('\u{1b}'));
    }
}
