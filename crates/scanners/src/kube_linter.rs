//! `kube-linter lint --format json`.

use crate::place::container_in;
use crate::text::{items, namespace, owned, text};
use crate::{Foreign, Named, Report};
use serde_json::Value;

pub(crate) fn read(document: &Value) -> Report {
    let mut report = Report {
        tool: "kube-linter".to_owned(),
        version: owned(document, "/Summary/KubeLinterVersion"),
        ..Report::default()
    };
    for (index, entry) in items(document, "/Reports").iter().enumerate() {
        match finding(entry) {
            Some(finding) => report.findings.push(finding),
            None => report.notes.push(format!("Reports[{index}] names no check")),
        }
    }
    report
}

fn finding(entry: &Value) -> Option<Foreign> {
    let message = text(entry, "/Diagnostic/Message").or_else(|| text(entry, "/Message"));
    let object = entry.get("Object").or_else(|| entry.pointer("/Diagnostic/Object"))?;
    let name = |pointer: &str| owned(object, pointer);
    Some(Foreign {
        id: owned(entry, "/Check")?,
        message: message.unwrap_or_default().to_owned(),
        files: name("/Metadata/FilePath").into_iter().collect(),
        object: name("/K8sObject/GroupVersionKind/Kind").map(|kind| Named {
            group: Some(name("/K8sObject/GroupVersionKind/Group").unwrap_or_default()),
            kind,
            namespace: namespace(object, "/K8sObject/Namespace"),
            name: name("/K8sObject/Name").unwrap_or_default(),
        }),
        container: message.and_then(container_in),
        ..Foreign::default()
    })
}
