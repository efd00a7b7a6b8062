//! `kubescape scan --format json --format-version v2`.

use crate::place::from_dotted;
use crate::text::{items, owned, text};
use crate::{Foreign, Named, Report};
use record::Severity;
use serde_json::Value;
use std::collections::HashMap;

/// Where the paths of a failed rule are, most telling first.
const PATHS: [&str; 4] = ["/failedPath", "/reviewPath", "/deletePath", "/fixPath/path"];

pub(crate) fn read(document: &Value) -> Report {
    let mut report = Report {
        tool: "kubescape".to_owned(),
        version: owned(document, "/metadata/scanMetadata/kubescapeVersion"),
        ..Report::default()
    };
    let resources: HashMap<&str, &Value> = items(document, "/resources")
        .iter()
        .filter_map(|resource| Some((text(resource, "/resourceID")?, resource)))
        .collect();
    for (index, result) in items(document, "/results").iter().enumerate() {
        let Some(id) = text(result, "/resourceID") else {
            report.notes.push(format!("results[{index}] names no resource"));
            continue;
        };
        let resource = resources.get(id).copied();
        let subject = Foreign {
            files: resource.map(files).unwrap_or_default(),
            object: object(resource, result).or_else(|| named_by(id)),
            ..Foreign::default()
        };
        for control in items(result, "/controls").iter().filter(|control| failed(control)) {
            match control_findings(control, &subject, document) {
                Some(findings) => report.findings.extend(findings),
                None => report.notes.push(format!("{id}: a control without an id")),
            }
        }
    }
    report
}

/// Whether a control or rule failed. Controls of older versions have no status of their own.
fn failed(holder: &Value) -> bool {
    let status = text(holder, "/status/status").or_else(|| text(holder, "/status"));
    match status {
        Some(status) => status == "failed",
        None => items(holder, "/rules").iter().any(failed),
    }
}

/// One finding for each place of the control, or one without a place.
fn control_findings(control: &Value, subject: &Foreign, document: &Value) -> Option<Vec<Foreign>> {
    let id = owned(control, "/controlID")?;
    let finding = Foreign {
        severity: severity(&id, document),
        message: owned(control, "/name").unwrap_or_default(),
        id,
        ..subject.clone()
    };
    let mut findings: Vec<Foreign> = Vec::new();
    for rule in items(control, "/rules").iter().filter(|rule| failed(rule)) {
        for path in items(rule, "/paths") {
            let pointer = PATHS.iter().find_map(|place| from_dotted(text(path, place)?));
            // Places in other objects, such as those that a binding names.
            let pointer = pointer.filter(|pointer| !pointer.starts_with("/relatedObjects"));
            let pointers: Vec<String> = pointer.into_iter().collect();
            if !findings.iter().any(|known| known.pointers == pointers) {
                findings.push(Foreign { pointers, ..finding.clone() });
            }
        }
    }
    if findings.is_empty() {
        findings.push(finding);
    }
    Some(findings)
}

/// Kubescape rates controls from 0 to 10.
fn severity(id: &str, document: &Value) -> Option<Severity> {
    let control = document.pointer("/summaryDetails/controls")?.get(id)?;
    Some(match control.get("scoreFactor")?.as_f64()? {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        _ => Severity::Low,
    })
}

fn files(resource: &Value) -> Vec<String> {
    let relative = text(resource, "/source/relativePath");
    let path = text(resource, "/source/path");
    let mut files = Vec::new();
    if let (Some(path), Some(relative)) = (path, relative) {
        files.push(format!("{}/{relative}", path.trim_end_matches('/')));
    }
    files.extend(relative.or(path).map(str::to_owned));
    files
}

fn object(resource: Option<&Value>, result: &Value) -> Option<Named> {
    let raw = result.pointer("/rawResource/object");
    let object = resource.and_then(|resource| resource.get("object")).or(raw)?;
    let kind = owned(object, "/kind")?;
    let group = text(object, "/apiVersion")
        .map(|version| version.split_once('/').map_or("", |(group, _)| group).to_owned());
    Some(Named {
        group,
        kind,
        // The object is there as it was written, so nothing written is no namespace.
        namespace: Some(owned(object, "/metadata/namespace").unwrap_or_default()),
        name: owned(object, "/metadata/name").unwrap_or_default(),
    })
}

/// An id ends in `namespace/kind/name`.
fn named_by(id: &str) -> Option<Named> {
    let mut parts = id.rsplitn(4, '/');
    let (name, kind, namespace) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Named {
        group: None,
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    })
}
