//! `polaris audit --format json`. It names objects and containers, but no files.

use crate::id::severity;
use crate::text::{entries, items, namespace, owned, text};
use crate::{Foreign, Named, Report};
use serde_json::Value;

pub(crate) fn read(document: &Value) -> Report {
    let mut report = Report { tool: "polaris".to_owned(), ..Report::default() };
    for (index, result) in items(document, "/Results").iter().enumerate() {
        let Some(kind) = owned(result, "/Kind") else {
            report.notes.push(format!("Results[{index}] names no kind"));
            continue;
        };
        let object = Named {
            group: None,
            kind,
            namespace: namespace(result, "/Namespace"),
            name: owned(result, "/Name").unwrap_or_default(),
        };
        checks(result, &object, None, &mut report);
        let Some(pod) = result.get("PodResult") else { continue };
        checks(pod, &object, None, &mut report);
        for container in items(pod, "/ContainerResults") {
            checks(container, &object, text(container, "/Name"), &mut report);
        }
    }
    report
}

/// The checks of an object, a pod or a container that did not succeed.
fn checks(holder: &Value, object: &Named, container: Option<&str>, report: &mut Report) {
    for (key, check) in entries(holder, "/Results") {
        let ignored = text(check, "/Severity") == Some("ignore");
        match check.get("Success").and_then(Value::as_bool) {
            Some(true) => continue,
            _ if ignored => continue,
            Some(false) => {}
            None => {
                let (kind, name) = (&object.kind, &object.name);
                report.notes.push(format!("{kind} {name}: {key} does not say how it ended"));
                continue;
            }
        }
        report.findings.push(Foreign {
            id: owned(check, "/ID").unwrap_or_else(|| key.clone()),
            severity: text(check, "/Severity").and_then(severity),
            message: owned(check, "/Message").unwrap_or_default(),
            object: Some(object.clone()),
            container: container.map(str::to_owned),
            ..Foreign::default()
        });
    }
}
