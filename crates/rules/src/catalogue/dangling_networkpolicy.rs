//! # What it finds
//!
//! A NetworkPolicy whose `podSelector` matches no pod template among the manifests of the
//! namespace, or that the API server cannot read. An empty selector stands for every pod of the
//! namespace. Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! The policy protects nothing, while its author thinks that it does. Most often a label was
//! mistyped or changed on one side only.
//!
//! # What the fix changes
//!
//! Nothing by itself: which pods are meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::pod_selector;
use crate::selector::Selector;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-networkpolicy",
    title: "Network policy selects no pod",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:dangling-networkpolicy",
        "kubescape:C-0299",
        "kube-score:networkpolicy-targets-pod",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "podSelector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(selector) = pod_selector(object) else { return };
    let (message, advice) = match Selector::parse(selector) {
        Err(what) => {
            (format!("pod selector is invalid: {what}"), "needs valid keys, operators and values")
        }
        Ok(selector) if cx.set.matches_none(object, &selector) => (
            "network policy selects no pod of the manifests".to_owned(),
            "needs to know which pods are meant: correct the selector or the pods' labels",
        ),
        Ok(_) => return,
    };
    cx.report(object.site(&KEYS), message, advice);
}
