use super::{Finding, InputError, Options, Report, place, summary_line};
use crate::escape;
use anstyle::{AnsiColor, Style};
use record::Severity;
use std::io::{self, Write};

pub(super) fn write(
    out: &mut impl Write,
    report: &Report<'_>,
    options: &Options,
) -> io::Result<()> {
    for finding in report.findings {
        write_finding(out, finding, options)?;
    }
    for error in report.errors {
        write_error(out, error, options)?;
    }
    if options.summary {
        writeln!(out, "{}", summary_line(report, options))?;
    }
    Ok(())
}

fn write_finding(out: &mut impl Write, finding: &Finding<'_>, options: &Options) -> io::Result<()> {
    let span = finding.detection.span;
    let path = paint(options, BOLD, &escape(&finding.detection.manifest_path));
    let place = place(span.map(|at| at.line), span.map(|at| at.column));
    let severity = paint(options, style(finding.severity()), finding.severity().as_str());
    let rule = escape(finding.rule());
    let marker = if finding.fixable(options) {
        format!(" [{}]", paint(options, FIXABLE, "*"))
    } else {
        String::new()
    };
    let message = escape(&finding.detection.violation_text);
    writeln!(out, "{path}{place}: {severity}[{rule}]{marker} {message}")
}

fn write_error(out: &mut impl Write, error: &InputError, options: &Options) -> io::Result<()> {
    let path = paint(options, BOLD, &escape(&error.path));
    let place = place(error.line, error.column);
    let level = paint(options, style(Severity::Critical), "error");
    writeln!(out, "{path}{place}: {level}: {}", escape(&error.message))
}

const BOLD: Style = Style::new().bold();
const FIXABLE: Style = AnsiColor::Cyan.on_default();

fn style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Critical | Severity::High => AnsiColor::BrightRed,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::BrightBlue,
    };
    color.on_default().bold()
}

fn paint(options: &Options, style: Style, text: &str) -> String {
    if options.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::diagnostics::samples::render;
    use crate::diagnostics::{Format, Options};

    #[test]
    fn one_line_a_finding() {
        insta::assert_snapshot!(render(Format::Concise, &Options::default()));
    }

    #[test]
    fn unsafe_fixes_are_marked_when_they_are_switched_on() {
        let options = Options { unsafe_fixes: true, summary: false, ..Options::default() };
        let text = render(Format::Concise, &options);
        assert_eq!(text.matches("[*]").count(), 2, "{text}");
    }

    #[test]
    fn colours_are_written_only_when_asked_for() {
        assert!(!render(Format::Concise, &Options::default()).contains('\u{1b}'));
        let options = Options { color: true, ..Options::default() };
        assert!(render(Format::Concise, &options).contains("\u{1b}["));
    }
}
