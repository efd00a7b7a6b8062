//! # What it finds
//!
//! A workload without a label whose key matches `key` and whose value matches `value`; by default
//! any label with `owner` in its key. The labels of the object itself count, not those of its pods.
//!
//! # Why it matters
//!
//! When the workload misbehaves, nobody knows whom to ask.
//!
//! # What the fix changes
//!
//! Nothing by itself: the value is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::has_entry;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "required-label-owner",
    title: "Label with the owner is missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:required-label-owner"],
    references: &[],
    touches: &["metadata/labels/*"],
    removes: &[],
    parameters: &[KEY, VALUE],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEY: Parameter = Parameter {
    name: "key",
    meaning: "what the key of the label must match",
    default: DefaultValue::Pattern("owner"),
};
const VALUE: Parameter = Parameter {
    name: "value",
    meaning: "what the value of the label must match",
    default: DefaultValue::Pattern(""),
};

fn check(_: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let keys = ["metadata", "labels"];
    if !has_entry(cx, cx.object.at(&keys), &KEY, &VALUE) {
        let advice = "needs to know who owns the workload";
        cx.report(cx.object.site(&keys), "no label names the owner", advice);
    }
}
