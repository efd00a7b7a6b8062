//! Findings and input errors in the formats that `check` offers.

mod concise;
mod full;
mod github;
mod gitlab;
mod junit;
#[cfg(test)]
pub(crate) mod samples;
mod sarif;

use manifest::TextEdit;
use record::{Applicability, Detection, Severity};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// One finding with what it takes to show it.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'a> {
    /// The record. Its span counts in `text`.
    pub detection: &'a Detection,
    /// Text of the whole file; empty when it is not at hand, and then no excerpt is shown.
    pub text: &'a str,
    /// Edits of this finding's own fix, sorted and apart; `None` when there is no fix to apply.
    pub fix: Option<&'a [TextEdit]>,
}

/// An input, or a part of it, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// POSIX path; `-` for stdin.
    pub path: String,
    /// One-based line, where known.
    pub line: Option<usize>,
    /// One-based column in characters, where known.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// A rule as SARIF describes it.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo<'a> {
    /// The id that detections carry in `rule`.
    pub id: &'a str,
    /// What it finds, one line.
    pub title: &'a str,
    /// How much harm a finding can do.
    pub severity: Severity,
    /// Its page, Markdown.
    pub page: &'a str,
}

/// A finding that somebody decided to ignore.
#[derive(Debug, Clone, Copy)]
pub struct Suppressed<'a> {
    /// The finding.
    pub finding: Finding<'a>,
    /// The decision stands in the manifest, not in the configuration.
    pub in_source: bool,
    /// Why, where it says so.
    pub reason: Option<&'a str>,
}

/// Everything that one run reports, in the order in which it is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report<'a> {
    /// The findings; those of one file stand together.
    pub findings: &'a [Finding<'a>],
    /// The ignored findings, for the format that has a place for them.
    pub suppressed: &'a [Suppressed<'a>],
    /// How many findings are ignored.
    pub ignored: usize,
    /// How many findings are not reported because the baseline has them.
    pub in_baseline: usize,
    /// The inputs that could not be read.
    pub errors: &'a [InputError],
    /// What can be read, but should be looked at, such as an ignore that expired.
    pub warnings: &'a [InputError],
    /// The files that were checked, for formats that count them.
    pub files: &'a [&'a str],
    /// Rules that the findings may name; others are described by their id only.
    pub rules: &'a [RuleInfo<'a>],
    /// Version of the tool.
    pub version: &'a str,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal: with the source, notes and help.
    Full,
    /// One line a finding, for people and editors.
    Concise,
    /// The detection records as one array.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands that become annotations.
    Github,
    /// JUnit XML, as test reports read it.
    Junit,
    /// The report of GitLab's Code Quality.
    Gitlab,
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Write ANSI colours. Only `Full` and `Concise` have any.
    pub color: bool,
    /// Columns of the terminal: longer source lines are cut around the finding.
    pub width: usize,
    /// Unsafe fixes are switched on, so they count as fixable.
    pub unsafe_fixes: bool,
    /// End `Full` and `Concise` with the summary line.
    pub summary: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { color: false, width: 140, unsafe_fixes: false, summary: true }
    }
}

/// Writes the report.
///
/// # Errors
/// When the writer fails.
pub fn write(
    out: &mut impl Write,
    report: &Report<'_>,
    format: Format,
    options: &Options,
) -> io::Result<()> {
    match format {
        Format::Full => full::write(out, report, options),
        Format::Concise => concise::write(out, report, options),
        Format::Json => {
            let records: Vec<&Detection> = report.findings.iter().map(|f| f.detection).collect();
            record::write_records(out, &records, record::Format::Array)
        }
        Format::Sarif => sarif::write(out, report),
        Format::Github => github::write(out, report),
        Format::Junit => junit::write(out, report),
        Format::Gitlab => gitlab::write(out, report),
    }
}

/// The last line for people: how many findings there are and what can be done about them. It has
/// no line end.
pub fn summary_line(report: &Report<'_>, options: &Options) -> String {
    summary_of(&Totals::of(report.findings), report, options)
}

/// The same for a report whose findings were shown before, part by part.
pub fn summary_of(totals: &Totals, report: &Report<'_>, options: &Options) -> String {
    let mut line = match totals.findings {
        0 => "No findings".to_owned(),
        _ => found(totals, options),
    };
    let held_back = [(report.ignored, "ignored"), (report.in_baseline, "in the baseline")];
    let held_back = held_back.iter().filter(|(count, _)| *count > 0);
    let held_back: Vec<String> = held_back.map(|(count, what)| format!("{count} {what}")).collect();
    if !held_back.is_empty() {
        line += &format!("; {}", held_back.join(", "));
    }
    if !report.errors.is_empty() {
        line += &format!("; {} could not be read", count(report.errors.len(), "input"));
    }
    line + "."
}

/// What the summary counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    findings: usize,
    files: usize,
    safe: usize,
    risky: usize,
    rest: usize,
}

impl Totals {
    /// Counts findings; all those of a file are among them.
    pub fn of(findings: &[Finding<'_>]) -> Self {
        let files: BTreeSet<&str> =
            findings.iter().map(|finding| finding.detection.manifest_path.as_str()).collect();
        let of = |cure| findings.iter().filter(|finding| finding.cure() == cure).count();
        Self {
            findings: findings.len(),
            files: files.len(),
            safe: of(Cure::Safe),
            risky: of(Cure::Unsafe),
            rest: of(Cure::Decision),
        }
    }

    /// Adds those of other files.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            findings: self.findings + other.findings,
            files: self.files + other.files,
            safe: self.safe + other.safe,
            risky: self.risky + other.risky,
            rest: self.rest + other.rest,
        }
    }
}

fn found(totals: &Totals, options: &Options) -> String {
    let Totals { findings, files, safe, risky, rest } = *totals;
    let mut parts = Vec::new();
    if options.unsafe_fixes && safe + risky > 0 {
        parts.push(format!("{} fixable with --fix --unsafe-fixes", safe + risky));
    } else {
        if safe > 0 {
            parts.push(format!("{safe} fixable with --fix"));
        }
        if risky > 0 {
            let more = if safe > 0 { " more" } else { "" };
            parts.push(format!("{risky}{more} with --unsafe-fixes"));
        }
    }
    if rest > 0 {
        parts.push(format!("{rest} {} a decision", if rest == 1 { "needs" } else { "need" }));
    }
    let found = count(findings, "finding");
    format!("Found {found} in {} ({})", count(files, "file"), parts.join(", "))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What can be done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cure {
    /// `--fix` applies the fix.
    Safe,
    /// `--unsafe-fixes` applies the fix.
    Unsafe,
    /// People have to decide or to find out.
    Decision,
}

impl<'a> Finding<'a> {
    fn cure(&self) -> Cure {
        match (self.fix, self.detection.applicability) {
            (Some(_), Some(Applicability::Safe)) => Cure::Safe,
            // A fix that nobody vouches for is at best unsafe.
            (Some(_), Some(Applicability::Unsafe) | None) => Cure::Unsafe,
            (Some(_), Some(Applicability::Advice)) | (None, _) => Cure::Decision,
        }
    }

    fn fixable(&self, options: &Options) -> bool {
        match self.cure() {
            Cure::Safe => true,
            Cure::Unsafe => options.unsafe_fixes,
            Cure::Decision => false,
        }
    }

    fn rule(&self) -> &'a str {
        self.detection.rule.as_deref().unwrap_or(&self.detection.policy_id)
    }

    /// Findings of other tools may carry none; the middle neither hides nor shouts.
    fn severity(&self) -> Severity {
        self.detection.severity.unwrap_or(Severity::Medium)
    }

    /// The object, for people.
    fn object(&self) -> Option<String> {
        let object = self.detection.object.as_ref()?;
        let name = if object.title().is_empty() { "(no name)" } else { object.title() };
        let namespace = object
            .namespace
            .as_ref()
            .map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        Some(format!("{}/{name}{namespace}", object.kind))
    }
}

/// `:line:column`, or nothing where it is not known.
fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{self, render};
    use super::*;

    fn summary(unsafe_fixes: bool) -> String {
        let options = Options { unsafe_fixes, ..Options::default() };
        samples::with_report(|report| summary_line(report, &options))
    }

    #[test]
    fn the_summary_says_what_can_be_done() {
        insta::assert_snapshot!(summary(false));
        insta::assert_snapshot!(summary(true));
        let line = |ignored, in_baseline| {
            let report = Report { ignored, in_baseline, ..Report::default() };
            summary_line(&report, &Options::default())
        };
        assert_eq!(line(0, 0), "No findings.");
        assert_eq!(line(1, 0), "No findings; 1 ignored.");
        assert_eq!(line(12, 3), "No findings; 12 ignored, 3 in the baseline.");
    }

    #[test]
    fn json_is_the_records_as_they_are() {
        let text = render(Format::Json, &Options::default());
        let records: Vec<Detection> = record::read_records(&text).unwrap();
        assert_eq!(records, samples::detections());
    }
}
