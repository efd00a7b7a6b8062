//! `trivy config --format json`, and `trivy k8s --format json`.

use crate::id::{newest, severity};
use crate::place::container_in;
use crate::text::{items, namespace, number, owned, text};
use crate::{Foreign, Named, Report};
use serde_json::Value;
use std::collections::BTreeMap;

/// What Trivy calls manifests.
const KINDS: [&str; 4] = ["kubernetes", "helm", "yaml", "json"];

pub(crate) fn read(document: &Value) -> Report {
    let mut report = Report {
        tool: "trivy".to_owned(),
        version: owned(document, "/Trivy/Version"),
        ..Report::default()
    };
    let artifact = text(document, "/ArtifactName").unwrap_or_default();
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for result in items(document, "/Results") {
        read_result(result, artifact, None, &mut report, &mut others);
    }
    // A scan of a cluster groups results by object.
    for resource in ["/Resources", "/Findings"].iter().flat_map(|list| items(document, list)) {
        let object = text(resource, "/Kind").map(|kind| Named {
            group: None,
            kind: kind.to_owned(),
            namespace: namespace(resource, "/Namespace"),
            name: owned(resource, "/Name").unwrap_or_default(),
        });
        for result in items(resource, "/Results") {
            read_result(result, "", object.as_ref(), &mut report, &mut others);
        }
    }
    let others = others.into_iter();
    report.notes.extend(
        others.map(|(kind, count)| format!("findings of type {kind} are not read: {count}")),
    );
    report
}

fn read_result<'v>(
    result: &'v Value,
    artifact: &str,
    object: Option<&Named>,
    report: &mut Report,
    others: &mut BTreeMap<&'v str, usize>,
) {
    let failed = items(result, "/Misconfigurations")
        .iter()
        .filter(|entry| matches!(text(entry, "/Status"), None | Some("FAIL")));
    let kind = text(result, "/Type").unwrap_or("kubernetes");
    if !KINDS.contains(&kind) {
        // A scan of a folder also looks at Dockerfiles, Terraform, …
        let count = failed.count();
        if count > 0 {
            *others.entry(kind).or_default() += count;
        }
        return;
    }
    let target = text(result, "/Target").unwrap_or_default();
    for (index, entry) in failed.enumerate() {
        match finding(entry) {
            Some(mut finding) => {
                finding.files = if object.is_some() { Vec::new() } else { files(artifact, target) };
                finding.object = object.cloned();
                report.findings.push(finding);
            }
            None => report.notes.push(format!("{target}: Misconfigurations[{index}] has no id")),
        }
    }
}

/// Targets count from the artifact that was scanned, which is a folder or that very file.
fn files(artifact: &str, target: &str) -> Vec<String> {
    let below = format!("{}/{target}", artifact.trim_end_matches('/'));
    let mut files = match artifact {
        "" => Vec::new(),
        file if file == target || file.ends_with(&format!("/{target}")) => vec![file.to_owned()],
        _ => vec![below],
    };
    files.push(target.to_owned());
    files
}

fn finding(entry: &Value) -> Option<Foreign> {
    let raw = text(entry, "/ID").or_else(|| text(entry, "/AVDID"))?;
    let message = text(entry, "/Message").or_else(|| text(entry, "/Title")).unwrap_or_default();
    let id = newest("trivy", raw);
    let others = [Some(raw), text(entry, "/AVDID")].into_iter().flatten();
    let also = others.map(|other| newest("trivy", other)).filter(|other| *other != id).collect();
    let line = |end: &str| number(entry, &format!("/CauseMetadata/{end}Line")).filter(|n| *n > 0);
    Some(Foreign {
        also,
        id,
        severity: text(entry, "/Severity").and_then(severity),
        message: message.to_owned(),
        lines: line("Start").map(|start| (start, line("End").unwrap_or(start))),
        container: container_in(message),
        ..Foreign::default()
    })
}
