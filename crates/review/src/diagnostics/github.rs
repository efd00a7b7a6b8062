use super::{Finding, InputError, Report};
use crate::escape;
use record::Severity;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Workflow commands: a level, properties, and a message after two colons.
pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    for finding in report.findings {
        writeln!(out, "{}", finding_command(finding))?;
    }
    for error in report.errors {
        writeln!(out, "{}", message_command("error", "input error", error))?;
    }
    for warning in report.warnings {
        writeln!(out, "{}", message_command("warning", "ignores and baseline", warning))?;
    }
    Ok(())
}

fn finding_command(finding: &Finding<'_>) -> String {
    let mut command =
        format!("::{} file={}", level(finding), property(&finding.detection.manifest_path));
    if let Some(at) = finding.detection.span {
        let _ = write!(command, ",line={},col={},endLine={}", at.line, at.column, at.end_line);
        // The host takes columns to be of one line.
        if at.line == at.end_line {
            let _ = write!(command, ",endColumn={}", at.end_column);
        }
    }
    let object = finding.object().map_or(String::new(), |object| format!(" ({object})"));
    let text = format!("{}{object}", finding.detection.violation_text);
    command + &format!(",title={}::{}", property(finding.rule()), data(&text))
}

fn message_command(level: &str, title: &str, error: &InputError) -> String {
    let mut command = format!("::{level} file={}", property(&error.path));
    if let Some(line) = error.line {
        let _ = write!(command, ",line={line}");
    }
    if let Some(column) = error.column {
        let _ = write!(command, ",col={column}");
    }
    let help = error.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
    command + &format!(",title={title}::{}", data(&format!("{}{help}", error.message)))
}

fn level(finding: &Finding<'_>) -> &'static str {
    match finding.severity() {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
    }
}

fn data(text: &str) -> String {
    escape(text).replace('%', "%25")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};
    use crate::diagnostics::samples::render;
    use crate::diagnostics::{Format, Options};

    #[test]
    fn one_command_a_finding() {
        insta::assert_snapshot!(render(Format::Github, &Options::default()));
    }

    #[test]
    fn a_manifest_cannot_write_a_command_of_its_own() {
        assert_eq!(data("100%\n::stop-commands::x"), "100%25\\n::stop-commands::x");
        assert_eq!(property("a,title=x::b"), "a%2Ctitle=x%3A%3Ab");
    }
}
