//! Policy reports, of `wgpolicyk8s.io` and `openreports.io`: what `kyverno apply --policy-report`
//! writes, and what a cluster holds. Other tools write them too; each result names its source.

use crate::id::{newest, severity, tool_name};
use crate::place::{container_in, in_sentence};
use crate::text::{excerpt, items, owned, text};
use crate::{Foreign, Named, Report};
use serde_json::Value;

/// Kinds of policy reports, without those of their lists.
const KINDS: [&str; 4] = ["PolicyReport", "ClusterPolicyReport", "Report", "ClusterReport"];

/// Prefixes of the rules that Kyverno makes for controllers out of those for pods.
const GENERATED: [&str; 2] = ["autogen-cronjob-", "autogen-"];

/// Whether a document is a policy report, or a list of them.
pub(crate) fn is_report(document: &Value) -> bool {
    let kind = text(document, "/kind").unwrap_or_default();
    let group = text(document, "/apiVersion").unwrap_or_default();
    let known = group.starts_with("wgpolicyk8s.io/") || group.starts_with("openreports.io/");
    known && KINDS.contains(&kind.strip_suffix("List").unwrap_or(kind))
}

pub(crate) fn read(document: &Value) -> Vec<Report> {
    let mut reports = Vec::new();
    read_into(document, &mut reports);
    if reports.is_empty() {
        reports.push(Report { tool: "kyverno".to_owned(), ..Report::default() });
    }
    reports
}

/// Reports are one level deep in lists; lists of lists are nobody's.
fn read_into(document: &Value, reports: &mut Vec<Report>) {
    let parts = match document.get("items").and_then(Value::as_array) {
        Some(parts) => parts.as_slice(),
        None => std::slice::from_ref(document),
    };
    for part in parts {
        let in_typed_list = text(part, "/kind").is_none() && is_report(document);
        if !is_report(part) && !in_typed_list {
            let kind = text(part, "/kind").unwrap_or("an item without a kind");
            let report = of_tool(reports, "kyverno".to_owned());
            report.notes.push(format!("{} is no policy report", excerpt(kind)));
            continue;
        }
        for (index, result) in items(part, "/results").iter().enumerate() {
            read_result(result, index, part, reports);
        }
    }
}

fn of_tool(reports: &mut Vec<Report>, tool: String) -> &mut Report {
    let index = reports.iter().position(|report| report.tool == tool).unwrap_or_else(|| {
        reports.push(Report { tool, ..Report::default() });
        reports.len() - 1
    });
    &mut reports[index]
}

fn read_result(result: &Value, index: usize, part: &Value, reports: &mut Vec<Report>) {
    let source = text(result, "/source").or_else(|| text(part, "/source"));
    let report = of_tool(reports, source.map_or_else(|| "kyverno".to_owned(), tool_name));
    let outcome = text(result, "/result").or_else(|| text(result, "/status"));
    let message = text(result, "/message").or_else(|| text(result, "/description"));
    let message = message.unwrap_or_default();
    let Some(policy) = text(result, "/policy") else {
        report.notes.push(format!("results[{index}] names no policy"));
        return;
    };
    match outcome {
        Some("fail" | "warn") => {}
        Some("pass" | "skip") => return,
        other => {
            let other = other.unwrap_or("no result");
            let message = excerpt(message);
            report.notes.push(format!("{policy} ended with {}: {message}", excerpt(other)));
            return;
        }
    }
    let rule = text(result, "/rule").map(own_name);
    let id = match rule.filter(|_| report.tool == "kyverno") {
        Some(rule) => format!("{policy}/{rule}"),
        None => newest(&report.tool, policy),
    };
    let finding = Foreign {
        id,
        also: std::iter::once(policy).chain(rule).map(|name| newest(&report.tool, name)).collect(),
        severity: text(result, "/severity").and_then(severity),
        message: message.to_owned(),
        container: container_in(message),
        pointers: in_sentence(message),
        ..Foreign::default()
    };
    let resources = items(result, "/resources").iter().chain(items(result, "/subjects"));
    let mut objects: Vec<Named> = resources.filter_map(named).collect();
    if objects.is_empty() {
        // A report about one object names it once.
        objects.extend(part.get("scope").and_then(named));
    }
    if objects.is_empty() {
        report.findings.push(finding);
        return;
    }
    report.findings.extend(
        objects.into_iter().map(|object| Foreign { object: Some(object), ..finding.clone() }),
    );
}

/// The name that the author of the policy gave the rule.
fn own_name(rule: &str) -> &str {
    GENERATED.iter().find_map(|prefix| rule.strip_prefix(prefix)).unwrap_or(rule)
}

fn named(resource: &Value) -> Option<Named> {
    let group = text(resource, "/apiVersion")
        .map(|version| version.split_once('/').map_or("", |(group, _)| group).to_owned());
    Some(Named {
        group,
        kind: owned(resource, "/kind")?,
        namespace: owned(resource, "/namespace"),
        name: owned(resource, "/name").unwrap_or_default(),
    })
}
