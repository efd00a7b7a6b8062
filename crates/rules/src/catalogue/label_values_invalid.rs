//! # What it finds
//!
//! A label, of an object or of its pod template, whose value is not up to 63 letters, digits, `-`,
//! `_` and `.` with a letter or digit at both ends; or that is not a string, such as `1.0` or
//! `true` without quotes. An empty value passes.
//!
//! # Why it matters
//!
//! The API server refuses the object.
//!
//! # What the fix changes
//!
//! A number or boolean is put in quotes. Other values stay: they must change together with the
//! selectors that ask for them.
//!
//! # What it may break
//!
//! Nothing that runs: the object as it stands is refused.
//!
//! # Other tools
//!
//! kube-score looks at the labels of the object only.

use crate::selector::is_label_value;
use crate::{Check, Context, Fix, Object, Remedy, Rule, Scope, Site, Written};
use manifest::{Node, Path};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "label-values-invalid",
    title: "Invalid label value",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:label-values"],
    references: &[],
    touches: &["metadata/labels/*", "{template}/metadata/labels/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let labels = object.at(&["metadata", "labels"]);
    report(labels, || object.site(&["metadata", "labels"]).path, cx);
    // A Pod's own labels are those of its pod.
    if let Some(pod) = object.pod.as_ref().filter(|_| object.kind != "Pod") {
        report(pod.labels(), || pod.metadata_path(&["labels"]), cx);
    }
}

fn report(labels: Option<Node<'_>>, path: impl Fn() -> Path, cx: &mut Context<'_, '_>) {
    for (key, _, value) in labels.into_iter().flat_map(Node::entries) {
        if value.is_null() || value.as_str().is_some_and(is_label_value) {
            continue;
        }
        let site = Site { path: path().key(key), span: value.span() };
        let (message, remedy) = judged(key, value, &site);
        cx.report(site, message, remedy);
    }
}

fn judged(key: &str, value: Node<'_>, site: &Site) -> (String, Remedy) {
    if let Some(text) = value.as_str() {
        let message = format!("label {key} has the invalid value \"{text}\"");
        let advice = "needs a valid value, also in the selectors that ask for it: up to 63 \
                      letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
        return (message, advice.into());
    }
    let message = format!("label {key} is not a string");
    match value.scalar().filter(|text| is_label_value(text)) {
        Some(text) => {
            let written = Written::manifest(text, site.path.to_pointer());
            (message, Fix::safe().set(site.path.clone(), written).into())
        }
        None => (message, "needs a text as the value".into()),
    }
}
