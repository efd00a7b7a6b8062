//! # What it finds
//!
//! A Deployment or StatefulSet whose pods no PodDisruptionBudget among the manifests of the
//! namespace selects. Workloads whose `replicas` are written as one or none pass, unless an
//! autoscaler sets the number. Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! A drain may evict all replicas at once.
//!
//! # What the fix changes
//!
//! Nothing by itself: a budget is an object of its own, and how many pods may be missing is not in
//! the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris does not look at the number of replicas, and takes one label in common for a match.

use crate::common::autoscaled_minimum;
use crate::{Check, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "missing-pod-disruption-budget",
    title: "Workload has no disruption budget",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:missingPodDisruptionBudget",
        "kube-score:deployment-has-poddisruptionbudget",
        "kube-score:statefulset-has-poddisruptionbudget",
        "kyverno:require-pdb",
        "kyverno:create-default-pdb",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let object = cx.object;
    if !matches!(object.kind, "Deployment" | "StatefulSet") || is_single(object, cx) {
        return;
    }
    if !cx.set.selecting(object, "policy", "PodDisruptionBudget").is_empty() {
        return;
    }
    let site = object.place(pod.metadata_path(&["labels"]));
    let advice = "needs a PodDisruptionBudget with the workload's selector, most often with \
                  maxUnavailable: 1";
    cx.report(site, format!("no disruption budget covers the {}", object.kind), advice);
}

/// Whether the workload says that it has one pod at most.
fn is_single(object: &Object<'_>, cx: &Context<'_, '_>) -> bool {
    let written = object.at(&["spec", "replicas"]).and_then(Node::as_i64);
    written.is_some_and(|replicas| replicas < 2) && autoscaled_minimum(cx.set, object).is_none()
}
