//! # What it finds
//!
//! A workload without an annotation whose key matches `key` and whose value matches `value`; by
//! default any annotation with `email` in its key and an e-mail address in its value. The
//! annotations of the object itself count, not those of its pods.
//!
//! # Why it matters
//!
//! When the workload misbehaves, nobody knows whom to write to.
//!
//! # What the fix changes
//!
//! Nothing by itself: the value is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno asks for one annotation of a fixed name.

use crate::common::has_entry;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "required-annotation-email",
    title: "Annotation with an e-mail address is missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:required-annotation-email", "kyverno:require-annotations"],
    references: &[],
    touches: &["metadata/annotations/*"],
    removes: &[],
    parameters: &[KEY, VALUE],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEY: Parameter = Parameter {
    name: "key",
    meaning: "what the key of the annotation must match",
    default: DefaultValue::Pattern("email"),
};
const VALUE: Parameter = Parameter {
    name: "value",
    meaning: "what the value of the annotation must match",
    default: DefaultValue::Pattern("[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\\.[a-zA-Z0-9-.]+"),
};

fn check(_: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let keys = ["metadata", "annotations"];
    if !has_entry(cx, cx.object.at(&keys), &KEY, &VALUE) {
        let advice = "needs the address of the people behind the workload";
        cx.report(cx.object.site(&keys), "no annotation has an e-mail address", advice);
    }
}
