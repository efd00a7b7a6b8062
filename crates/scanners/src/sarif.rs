//! SARIF 2.1.0, of any tool.

use crate::id::{newest, severity, tool_name};
use crate::place::container_in;
use crate::text::{items, number, owned, text};
use crate::{Foreign, Report};
use record::Severity;
use serde_json::Value;

pub(crate) fn read(document: &Value) -> Vec<Report> {
    items(document, "/runs").iter().map(read_run).collect()
}

fn read_run(run: &Value) -> Report {
    let driver = text(run, "/tool/driver/name").unwrap_or("sarif");
    let version = ["/tool/driver/semanticVersion", "/tool/driver/version"];
    let mut report = Report {
        tool: tool_name(driver),
        version: version.iter().find_map(|pointer| owned(run, pointer)),
        ..Report::default()
    };
    for (index, result) in items(run, "/results").iter().enumerate().filter(|(_, r)| is_open(r)) {
        match finding(result, run, &report.tool) {
            Some(finding) => report.findings.push(finding),
            None => report.notes.push(format!("results[{index}] names no rule")),
        }
    }
    report
}

/// Whether a result stands for something wrong: neither passed, nor suppressed, nor gone.
fn is_open(result: &Value) -> bool {
    let kind = text(result, "/kind").unwrap_or("fail");
    // A suppression that was only proposed, or rejected, suppresses nothing.
    let suppressed = items(result, "/suppressions")
        .iter()
        .any(|suppression| matches!(text(suppression, "/status"), None | Some("accepted")));
    matches!(kind, "fail" | "open" | "review")
        && text(result, "/baselineState") != Some("absent")
        && !suppressed
}

fn finding(result: &Value, run: &Value, tool: &str) -> Option<Foreign> {
    let rule = rule_of(result, run);
    let named = text(result, "/ruleId").or_else(|| text(result, "/rule/id"));
    let raw = named.or_else(|| text(rule?, "/id"))?;
    let message = text(result, "/message/text").or_else(|| text(result, "/message/markdown"));
    let message = message.unwrap_or_default();
    let location = result.pointer("/locations/0").unwrap_or(&Value::Null);
    let line = |end: &str| number(location, &format!("/physicalLocation/region/{end}Line"));
    let lines = line("start").map(|start| (start, line("end").unwrap_or(start)));
    // Line 1 is what tools write that know none.
    let lines = lines.filter(|lines| lines.0 > 0 && *lines != (1, 1));
    Some(Foreign {
        id: newest(tool, raw),
        severity: rated(result, rule),
        message: message.to_owned(),
        files: file(location, run).into_iter().collect(),
        words: words(location),
        lines,
        container: container_in(message),
        ..Foreign::default()
    })
}

fn rule_of<'v>(result: &Value, run: &'v Value) -> Option<&'v Value> {
    let rules = items(run, "/tool/driver/rules");
    let index = number(result, "/ruleIndex").or_else(|| number(result, "/rule/index"));
    index.and_then(|index| rules.get(index)).or_else(|| {
        let id = text(result, "/ruleId")?;
        rules.iter().find(|rule| text(rule, "/id") == Some(id))
    })
}

/// The rule's CVSS-like rating says more than the level, which has three steps.
fn rated(result: &Value, rule: Option<&Value>) -> Option<Severity> {
    let score = |holder: &Value| -> Option<f64> {
        text(holder, "/properties/security-severity")?.parse().ok()
    };
    if let Some(score) = score(result).or_else(|| score(rule?)) {
        return Some(match score {
            score if score >= 9.0 => Severity::Critical,
            score if score >= 7.0 => Severity::High,
            score if score >= 4.0 => Severity::Medium,
            _ => Severity::Low,
        });
    }
    let level = text(result, "/level").or_else(|| text(rule?, "/defaultConfiguration/level"));
    severity(level.unwrap_or("warning"))
}

/// The path of the artifact, without the scheme and with its base where the run names one.
fn file(location: &Value, run: &Value) -> Option<String> {
    let artifact = location.pointer("/physicalLocation/artifactLocation")?;
    let indexed = || {
        let index = number(artifact, "/index")?;
        text(run.pointer("/artifacts")?.get(index)?, "/location/uri")
    };
    let uri = text(artifact, "/uri").or_else(indexed)?;
    let base = text(artifact, "/uriBaseId")
        .and_then(|id| text(run.get("originalUriBaseIds")?.get(id)?, "/uri"));
    let is_whole = uri.starts_with('/') || uri.contains("://");
    let uri = match base.filter(|_| !is_whole) {
        Some(base) => format!("{}/{uri}", base.trim_end_matches('/')),
        None => uri.to_owned(),
    };
    Some(decoded(uri.strip_prefix("file://").unwrap_or(&uri)))
}

/// Percent-decoded; what is no UTF-8 then stays as it was.
fn decoded(uri: &str) -> String {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| uri.to_owned())
}

/// The words of the logical locations: tools write `Deployment/shop/web`, `shop.web`, …
fn words(location: &Value) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for logical in items(location, "/logicalLocations") {
        for part in
            ["/fullyQualifiedName", "/name", "/kind"].iter().filter_map(|p| text(logical, p))
        {
            words.push(part.to_owned());
            words.extend(part.split(['/', ' ', ',', '=', ':', '.']).map(str::to_owned));
        }
    }
    words.retain(|word| !word.is_empty());
    words.sort();
    words.dedup();
    words
}
