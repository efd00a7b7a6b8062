//! GitLab's Code Quality report: an array of issues, each with what GitLab documents as required.

use super::{Finding, InputError, Report};
use crate::escape;
use record::Severity;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct Issue<'a> {
    description: Cow<'a, str>,
    check_name: &'a str,
    /// Issues of one fingerprint count as one.
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Debug, Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: usize,
}

pub(super) fn write(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let mut issues: Vec<Issue<'_>> = report.findings.iter().map(issue).collect();
    issues.extend(report.errors.iter().map(error_issue));
    let mut seen = BTreeSet::new();
    for issue in &mut issues {
        let mut number = 1;
        let first = issue.fingerprint.clone();
        while !seen.insert(issue.fingerprint.clone()) {
            number += 1;
            issue.fingerprint = format!("{first}-{number}");
        }
    }
    Ok(record::json::to_writer_pretty(&mut *out, &issues)?)
}

fn issue<'a>(finding: &Finding<'a>) -> Issue<'a> {
    let detection = finding.detection;
    let begin = detection.span.map_or(1, |at| at.line);
    let text = escape(&detection.violation_text);
    let description = match finding.object() {
        Some(object) => format!("{text} ({})", escape(&object)).into(),
        None => text,
    };
    let path = detection.manifest_path.as_str();
    Issue {
        description,
        check_name: finding.rule(),
        fingerprint: detection
            .fingerprint
            .clone()
            .unwrap_or_else(|| format!("{}:{path}:{begin}", finding.rule())),
        severity: severity(finding.severity()),
        location: Location { path, lines: Lines { begin } },
    }
}

fn error_issue(error: &InputError) -> Issue<'_> {
    let begin = error.line.unwrap_or(1);
    let path = error.path.as_str();
    Issue {
        description: escape(&error.message),
        check_name: "input-error",
        fingerprint: format!("input-error:{path}:{begin}"),
        severity: "blocker",
        location: Location { path, lines: Lines { begin } },
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "minor",
        Severity::Medium => "major",
        Severity::High => "critical",
        Severity::Critical => "blocker",
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostics::samples::{self, render};
    use crate::diagnostics::{Format, Options, Report, write};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    #[test]
    fn one_issue_a_finding() {
        insta::assert_snapshot!(render(Format::Gitlab, &Options::default()));
    }

    /// <https://docs.gitlab.com/ci/testing/code_quality/>, "Code Quality report format".
    #[test]
    fn issues_have_what_is_documented_as_required() {
        // The same findings twice, as inputs of one name have them.
        let text = samples::with_report(|report| {
            let findings = [report.findings, report.findings].concat();
            let mut out = Vec::new();
            let report = Report { findings: &findings, ..*report };
            write(&mut out, &report, Format::Gitlab, &Options::default()).unwrap();
            String::from_utf8(out).unwrap()
        });
        let issues: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(issues.len(), 9);
        let mut fingerprints = BTreeSet::new();
        for issue in &issues {
            for key in ["description", "check_name", "fingerprint"] {
                assert!(issue[key].as_str().is_some_and(|text| !text.is_empty()), "{issue:#}");
            }
            let severity = issue["severity"].as_str().unwrap();
            let known = ["info", "minor", "major", "critical", "blocker"];
            assert!(known.contains(&severity), "{severity}");
            let path = issue["location"]["path"].as_str().unwrap();
            assert!(!path.starts_with("./") && !path.starts_with('/'), "{path}");
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() > 0);
            assert!(fingerprints.insert(issue["fingerprint"].to_string()), "{issue:#}");
        }
        let mut out = Vec::new();
        write(&mut out, &Report::default(), Format::Gitlab, &Options::default()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), json!([]));
    }
}
