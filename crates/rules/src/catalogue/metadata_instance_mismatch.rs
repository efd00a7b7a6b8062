//! # What it finds
//!
//! A workload whose label `app.kubernetes.io/instance` is missing or is not its `metadata.name`.
//! Objects without a name, and those with `generateName`, pass.
//!
//! # Why it matters
//!
//! Dashboards and tools that group objects by this label show the workload under another name, or
//! not at all.
//!
//! # What the fix changes
//!
//! A missing label is added with the name. A different one stays: selectors of other objects may
//! ask for it.
//!
//! # What it may break
//!
//! Nothing on most kinds. Pods and ReplicaSets are picked by their labels: a Service, a
//! NetworkPolicy or a Deployment that asks for the label takes them in.

use crate::selector::is_label_value;
use crate::{Check, Context, Fix, Object, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "metadata-instance-mismatch",
    title: "Label app.kubernetes.io/instance is not the name",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["polaris:metadataAndInstanceMismatched"],
    references: &[],
    touches: &["metadata/labels/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const LABEL: &str = "app.kubernetes.io/instance";

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.pod.is_none() {
        return;
    }
    let text = |keys: &[&str]| object.at(keys).and_then(Node::as_str).filter(|t| !t.is_empty());
    let Some(name) = text(&["metadata", "name"]) else { return };
    let keys = ["metadata", "labels", LABEL];
    match object.at(&keys).filter(|label| !label.is_null()) {
        None => {
            let message = format!("{} has no label {LABEL}", object.kind);
            cx.report(object.site(&keys), message, addition(object, name));
        }
        Some(label) if label.scalar() != Some(name) => {
            let label = label.scalar().unwrap_or("");
            let message = format!("label {LABEL} is \"{label}\", the name is \"{name}\"");
            let advice = "needs to know which of the two is meant, and which selectors ask for the \
                          label";
            cx.report(object.site(&keys), message, advice);
        }
        Some(_) => {}
    }
}

fn addition(object: &Object<'_>, name: &str) -> Remedy {
    if !is_label_value(name) {
        return "needs a shorter name: it is no valid value of a label".into();
    }
    let fix = match object.kind {
        "Pod" | "ReplicaSet" => {
            Fix::unsafe_because("selectors that ask for the label begin to take the object in")
        }
        _ => Fix::safe(),
    };
    let path = object.site(&["metadata", "labels"]).path.key(LABEL);
    fix.set(path, Written::manifest(name, "metadata.name")).into()
}
