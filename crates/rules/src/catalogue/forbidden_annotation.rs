//! # What it finds
//!
//! An annotation whose key matches `key` and whose value matches `value`, on any object. The rule
//! is silent until `key` is set.
//!
//! # Why it matters
//!
//! Annotations steer controllers: one can put an object out of the reach of a policy, or open a
//! door in a load balancer.
//!
//! # What the fix changes
//!
//! Nothing by itself: controllers may act on the annotation.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter has a template for it and no check of its own.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "forbidden-annotation",
    title: "Forbidden annotation",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:restrict-annotations"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[KEY, VALUE],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEY: Parameter = Parameter {
    name: "key",
    meaning: "a regular expression of the keys that are forbidden; empty for none",
    default: DefaultValue::Pattern(""),
};

const VALUE: Parameter = Parameter {
    name: "value",
    meaning: "a regular expression of the values that are forbidden with the key",
    default: DefaultValue::Pattern(""),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(annotations) = object.at(&["metadata", "annotations"]) else { return };
    if cx.text(&KEY).is_empty() {
        return;
    }
    for (key, _, value) in annotations.entries() {
        let value = value.scalar().unwrap_or("");
        if cx.matches(&KEY, key) && cx.matches(&VALUE, value) {
            cx.report(
                object.site(&["metadata", "annotations", key]),
                format!("{} has the forbidden annotation {key}", object.kind),
                "needs to know what acts on the annotation: remove it when nothing does",
            );
        }
    }
}
