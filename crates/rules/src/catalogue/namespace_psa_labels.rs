//! # What it finds
//!
//! A Namespace whose label `pod-security.kubernetes.io/enforce` is neither `baseline` nor
//! `restricted`.
//!
//! # Why it matters
//!
//! Without it, the API server admits every pod there, privileged ones included.
//!
//! # What the fix changes
//!
//! Where the label is missing, `baseline` is written. There is no fix for a label that says
//! something else, nor for `kube-system`, `kube-public` and `kube-node-lease`. Labels that warn and
//! audit would not cure the finding.
//!
//! # What it may break
//!
//! Pods that the baseline level does not allow are refused when they are created next; those that
//! run stay. Try it with `kubectl label --dry-run=server` first.
//!
//! # Other tools
//!
//! Kubescape lets a namespace pass when an admission webhook is among the inputs, whatever it is
//! for.

use crate::{Check, Context, Fix, Object, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "namespace-psa-labels",
    title: "Namespace enforces no Pod Security Standard",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0192",
        "kubescape:C-0193",
        "kubescape:C-0197",
        "kubescape:C-0202",
        "kyverno:add-psa-labels",
        "kyverno:add-psa-namespace-reporting",
        "kyverno:deny-privileged-profile",
    ],
    references: &["CIS 5.2.1", "CIS 5.2.2", "CIS 5.2.6", "CIS 5.2.11"],
    touches: &["metadata/labels/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 3] = ["metadata", "labels", "pod-security.kubernetes.io/enforce"];
/// Parts of the control plane need more than the baseline level allows.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Namespace") {
        return;
    }
    let level = object.at(&KEYS).and_then(Node::scalar).unwrap_or("");
    let message = match level {
        "baseline" | "restricted" => return,
        "" => "namespace enforces no Pod Security Standard".to_owned(),
        _ => format!("namespace enforces the level {level}"),
    };
    let site = object.site(&KEYS);
    let remedy: Remedy = match level {
        "" if !SYSTEM.contains(&object.name) => {
            Fix::unsafe_because("pods beyond the baseline level are refused when next created")
                .set(site.path.clone(), Written::rule("baseline"))
                .into()
        }
        "" => "needs the level that the parts of the control plane in it can keep".into(),
        _ => "needs to know whether its pods can keep the baseline level".into(),
    };
    cx.report(site, message, remedy);
}
