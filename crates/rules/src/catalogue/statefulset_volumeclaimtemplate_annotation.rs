//! # What it finds
//!
//! An entry of a StatefulSet's `volumeClaimTemplates` without the annotation that the parameter
//! `annotation` names, or with an empty value for it. Without the parameter the rule is silent.
//!
//! # Why it matters
//!
//! Backup and storage tools often go by annotations of the claim. A claim without one is left out.
//!
//! # What the fix changes
//!
//! Nothing by itself: the value is not in the manifest, and the templates of an existing
//! StatefulSet cannot be changed.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::maps;
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "statefulset-volumeclaimtemplate-annotation",
    title: "Volume claim template lacks an annotation",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:statefulset-volumeclaimtemplate-annotation"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[ANNOTATION],
    scope: Scope::Object,
    check: Check::Object(check),
};

const ANNOTATION: Parameter = Parameter {
    name: "annotation",
    meaning: "the key of the annotation that every volume claim template must have",
    default: DefaultValue::Text(""),
};
const KEYS: [&str; 2] = ["spec", "volumeClaimTemplates"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let key = cx.text(&ANNOTATION);
    if key.is_empty() || !object.is("apps", "StatefulSet") {
        return;
    }
    for (index, template) in maps(object.at(&KEYS)) {
        let value = template.at(&["metadata", "annotations", key]).and_then(Node::scalar);
        if value.is_some_and(|text| !text.is_empty()) {
            continue;
        }
        let name = template.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or("");
        let template = object.site(&KEYS).path.index(index);
        let site = object.place(template.key("metadata").key("annotations").key(key));
        let message = format!("volume claim template \"{name}\" lacks the annotation {key}");
        let advice = "needs the value, and the StatefulSet created anew: its volume claim \
                      templates cannot be changed";
        cx.report(site, message, advice);
    }
}
