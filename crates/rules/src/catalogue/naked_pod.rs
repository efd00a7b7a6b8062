//! # What it finds
//!
//! A Pod without an owner (`metadata.ownerReferences`).
//!
//! # Why it matters
//!
//! When its node goes, or somebody evicts it, nothing creates the pod anew.
//!
//! # What the fix changes
//!
//! Nothing by itself: a Deployment or a Job in its place is another object with another life.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "naked-pod",
    title: "Pod has no controller",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["polaris:nakedPod", "kubescape:C-0073", "kyverno:prevent-bare-pods"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["metadata", "ownerReferences"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Pod") || object.at(&KEYS).is_some_and(|owners| !owners.is_empty()) {
        return;
    }
    let advice = "needs a controller that fits its purpose: a Deployment if it serves, a Job if it \
                  ends";
    cx.report(object.site(&KEYS), "pod has no controller to create it anew", advice);
}
