//! `checkov --output json`: one report, or a list with one for each of its runners.

use crate::id::severity;
use crate::place::from_slashed;
use crate::text::{items, number, owned, text};
use crate::{Foreign, Named, Report};
use serde_json::Value;

/// Runners that look at Kubernetes objects.
const RUNNERS: [&str; 3] = ["kubernetes", "helm", "kustomize"];

pub(crate) fn read(document: &Value) -> Report {
    let version =
        owned(document, "/summary/checkov_version").or_else(|| owned(document, "/checkov_version"));
    let mut report = Report { tool: "checkov".to_owned(), version, ..Report::default() };
    let failed = items(document, "/results/failed_checks");
    let runner = text(document, "/check_type").unwrap_or("kubernetes");
    if !RUNNERS.contains(&runner) {
        if !failed.is_empty() {
            report.notes.push(format!("findings of type {runner} are not read: {}", failed.len()));
        }
        return report;
    }
    for (index, entry) in failed.iter().enumerate() {
        match finding(entry) {
            Some(finding) => report.findings.push(finding),
            None => report.notes.push(format!("failed_checks[{index}] names no check")),
        }
    }
    for file in items(document, "/results/parsing_errors").iter().filter_map(Value::as_str) {
        report.notes.push(format!("checkov cannot read {file}"));
    }
    report
}

fn finding(entry: &Value) -> Option<Foreign> {
    let files = ["/file_abs_path", "/repo_file_path", "/file_path"];
    let keys = items(entry, "/check_result/evaluated_keys").iter().filter_map(Value::as_str);
    let first = number(entry, "/file_line_range/0").filter(|line| *line > 0);
    let last = number(entry, "/file_line_range/1");
    Some(Foreign {
        id: owned(entry, "/check_id")?,
        also: owned(entry, "/bc_check_id").into_iter().collect(),
        severity: text(entry, "/severity").and_then(severity),
        message: owned(entry, "/check_name").unwrap_or_default(),
        files: files.iter().filter_map(|pointer| owned(entry, pointer)).collect(),
        object: text(entry, "/resource").and_then(object),
        lines: first.map(|first| (first, last.unwrap_or(first))),
        pointers: keys.filter_map(from_slashed).collect(),
        ..Foreign::default()
    })
}

/// `Kind.namespace.name`; names may have dots in them.
fn object(resource: &str) -> Option<Named> {
    let mut parts = resource.splitn(3, '.');
    let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Named {
        group: None,
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    })
}
